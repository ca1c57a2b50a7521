/**
 * As much of the Fetch standard as the transport uses, so that `globalThis.fetch`, undici's and a test's own all fit,
 * with or without DOM types.
 */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchResponse>;

/** The second argument of {@link Fetch}. */
export interface FetchInit {
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array;
  /** Always `error`: an RA does not send us elsewhere. */
  readonly redirect: "error";
  readonly signal: AbortSignal;
}

/** As much of a `Response` as is read. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: {
    getReader(): {
      read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
      cancel(reason?: unknown): Promise<void>;
    };
  } | null;
}

/** A body larger than the caller takes. */
export class BodyTooLargeError extends Error {
  override readonly name = "BodyTooLargeError";
}

/** Reads a body, counting what arrives (after decompression) and not what was announced. @throws BodyTooLargeError */
export async function readBody(
  { body }: Pick<FetchResponse, "body">,
  maxBytes: number,
): Promise<Uint8Array> {
  const reader = body?.getReader();
  const chunks: Uint8Array[] = [];
  let length = 0;
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    const chunk = part.value ?? new Uint8Array();
    length += chunk.length;
    if (length > maxBytes) {
      // Not waited for: whoever sends without an end may not stop either.
      reader?.cancel().catch(() => {});
      throw new BodyTooLargeError(`more than ${maxBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

/** The essence of a `Content-Type` (RFC 9110 §8.3), without parameters. */
export function mediaType(response: FetchResponse): string {
  return (response.headers.get("content-type") ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}
