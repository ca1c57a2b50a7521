/**
 * Whether a host name of a `URL` is this computer by itself: 127.0.0.0/8 or [::1]. `URL` has brought every spelling of an
 * IPv4 address (127.1, 0x7f000001) into this form. The name `localhost` is not taken, since a resolver decides where it
 * leads.
 */
export function isLoopback(hostname: string): boolean {
  return /^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === "[::1]";
}
