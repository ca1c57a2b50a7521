/** The calls of the RA's interface. What each is stands in `routes.ts`; the names alone need no schema. */
export const ROUTE_NAMES = [
  "requestOffer",
  "submitApplication",
  "readProgress",
  "announceTransfer",
  "cancel",
  "collect",
  "confirm",
  "recoverExchange",
] as const;

export type RouteName = (typeof ROUTE_NAMES)[number];
