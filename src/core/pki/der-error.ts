/** Bytes that are not the DER structure they should be, or a signature in them that is not valid. `message` says what. */
export class DerError extends Error {
  override readonly name = "DerError";
}
