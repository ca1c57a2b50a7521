import pkcs11 from "pkcs11js";
import { RenewalError } from "../../../core/errors.js";
import { endsSession } from "../errors.js";

/** Where objects are read and written: a session's handle in its module. */
export interface ObjectAccess {
  readonly lib: pkcs11.PKCS11;
  readonly session: pkcs11.Handle;
}

export type AttributeValue = boolean | number | string | Uint8Array;

/** CKA_* → value. */
export type Attributes = ReadonlyMap<number, AttributeValue>;

const FIND_AT_ONCE = 256;

/** Every object that has these attributes (C_FindObjects). */
export function findObjects({ lib, session }: ObjectAccess, having: Attributes): pkcs11.Handle[] {
  lib.C_FindObjectsInit(session, template(having));
  try {
    const found: pkcs11.Handle[] = [];
    for (;;) {
      const some = lib.C_FindObjects(session, FIND_AT_ONCE);
      found.push(...some);
      if (some.length === 0) return found;
    }
  } finally {
    endSearch({ lib, session });
  }
}

/** Where the search itself failed, that failure is the one that counts. */
function endSearch({ lib, session }: ObjectAccess): void {
  try {
    lib.C_FindObjectsFinal(session);
  } catch {
    // The next call says what is wrong.
  }
}

/**
 * Attributes of one object in one call; one that is missing or sensitive fails the whole call, so they are then read one
 * by one, and it is `undefined`.
 * @throws what the module threw, when not one of them can be read or the session is over
 */
export function readAttributes(
  access: ObjectAccess,
  object: pkcs11.Handle,
  types: readonly number[],
): (Buffer | undefined)[] {
  try {
    return getAttributes(access, object, types);
  } catch (error) {
    if (endsSession(error)) throw error;
    const values = types.map((type) => readAttribute(access, object, type));
    if (values.every((value) => value === undefined)) throw error;
    return values;
  }
}

/** The same of an object that may be broken: what cannot be read is `undefined`. */
export function tryReadAttributes(
  access: ObjectAccess,
  object: pkcs11.Handle,
  types: readonly number[],
): (Buffer | undefined)[] {
  try {
    return readAttributes(access, object, types);
  } catch (error) {
    if (endsSession(error)) throw error;
    return types.map(() => undefined);
  }
}

function readAttribute(
  access: ObjectAccess,
  object: pkcs11.Handle,
  type: number,
): Buffer | undefined {
  try {
    return getAttributes(access, object, [type])[0];
  } catch (error) {
    if (endsSession(error)) throw error;
    return undefined;
  }
}

function getAttributes(
  { lib, session }: ObjectAccess,
  object: pkcs11.Handle,
  types: readonly number[],
): (Buffer | undefined)[] {
  // A template of its own for each call: one that was used already holds buffers of the wrong size.
  const result = lib.C_GetAttributeValue(
    session,
    object,
    types.map((type) => ({ type })),
  );
  return result.map(({ value }) => (Buffer.isBuffer(value) ? value : undefined));
}

const VALUE_CHECKS: readonly (readonly [(value: unknown) => boolean, readonly number[]])[] = [
  [
    (value) => typeof value === "boolean",
    [
      pkcs11.CKA_TOKEN,
      pkcs11.CKA_PRIVATE,
      pkcs11.CKA_SENSITIVE,
      pkcs11.CKA_EXTRACTABLE,
      pkcs11.CKA_SIGN,
      pkcs11.CKA_VERIFY,
      pkcs11.CKA_ENCRYPT,
      pkcs11.CKA_DECRYPT,
      pkcs11.CKA_WRAP,
      pkcs11.CKA_UNWRAP,
      pkcs11.CKA_DERIVE,
    ],
  ],
  [
    (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff,
    [pkcs11.CKA_CLASS, pkcs11.CKA_KEY_TYPE, pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKA_MODULUS_BITS],
  ],
  [(value) => typeof value === "string", [pkcs11.CKA_LABEL]],
  [
    (value) => value instanceof Uint8Array,
    [
      pkcs11.CKA_ID,
      pkcs11.CKA_VALUE,
      pkcs11.CKA_SUBJECT,
      pkcs11.CKA_ISSUER,
      pkcs11.CKA_SERIAL_NUMBER,
      pkcs11.CKA_EC_PARAMS,
      pkcs11.CKA_MODULUS,
      pkcs11.CKA_PUBLIC_EXPONENT,
    ],
  ],
];

const VALUE_CHECK = new Map(
  VALUE_CHECKS.flatMap(([check, types]) => types.map((type) => [type, check] as const)),
);

/**
 * The binding's form of a template. A value of the wrong type aborts the process inside the binding, so every one is
 * looked at first.
 * @throws ERR_ARGUMENT
 */
export function template(attributes: Attributes): pkcs11.Template {
  return [...attributes].map(([type, value]) => {
    if (!VALUE_CHECK.get(type)?.(value)) {
      const reason = `attribute 0x${type.toString(16)} cannot be a ${typeof value}`;
      throw new RenewalError("ERR_ARGUMENT", { details: { reason } });
    }
    return { type, value: value instanceof Uint8Array ? Buffer.from(value) : value };
  });
}
