import { z } from "zod";

/**
 * The scalars of records and of the wire, each one codec: JSON on the left (what is stored and sent), what the API
 * hands out on the right. Every other schema is built from these, so that a time is an ISO 8601 string with an offset
 * everywhere outside and a `Date` everywhere inside.
 */

/** ISO 8601 with offset ⇄ `Date`. */
export const dateTime = z.codec(z.iso.datetime({ offset: true }), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

/** Base64 (RFC 4648 §4) ⇄ `Uint8Array`. */
export const bytes = z.codec(
  z.base64(),
  z.custom<Uint8Array>((value) => value instanceof Uint8Array),
  {
    decode: (text) => new Uint8Array(Buffer.from(text, "base64")),
    // Below a schema with checks Zod encodes once without them, and tries a union's wrong member too.
    encode: (octets: Uint8Array | undefined) => Buffer.from(octets ?? []).toString("base64"),
  },
);

/** SHA-256 as 64 lower-case hexadecimal digits. */
export const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);

/** An identifier that is put into paths and file names: no dot, no slash, no surprise. */
export const identifier = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);

/** Text for people. Length is capped because it may come from an RA and end on a terminal. */
export const shortText = z.string().max(1000);
export const longText = z.string().max(1_000_000);

/** A calendar date without a time zone, `YYYY-MM-DD`, as written on a bank's slip. */
export const calendarDate = z.iso.date();

export const jsonObject = z.record(z.string(), z.json());

/** A JSON value (RFC 8259), read-only. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };
/** A JSON object (RFC 8259), read-only. */
export type JsonObject = { readonly [key: string]: JsonValue };
