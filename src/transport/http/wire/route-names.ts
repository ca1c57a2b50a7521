/** The calls of the RA's interface. What each is stands in `routes.ts`; the names alone need no schema. */
export const ROUTE_NAMES = [
  "requestOffer",
  "uploadAttachment",
  "submitApplication",
  "readProgress",
  "announceTransfer",
  "openOnlinePayment",
  "cancel",
  "requestCertificate",
  "collect",
  "confirm",
  "recoverExchange",
  "requestNonce",
  "lookUp",
] as const;

export type RouteName = (typeof ROUTE_NAMES)[number];
