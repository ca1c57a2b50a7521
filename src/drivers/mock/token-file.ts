import { z } from "zod";
import { KEY_PAIR_USAGES, SIGNATURE_ALGORITHMS } from "../../core/domain/key-algorithm.js";
import { keyAlgorithmSchema } from "../../core/domain/offer.js";
import { bytes, type JsonObject } from "../../core/domain/scalars.js";
import { exportPrivateKey, importSoftwareKey } from "./keys.js";
import { MockToken } from "./token.js";

/**
 * A mock token as JSON, private keys and PIN in the clear, so that another process can plug it in. For tests and
 * demonstrations only.
 */
export function exportToken(token: MockToken): JsonObject {
  const { pinTries, ...settings } = token.settings;
  return z.encode(tokenSchema, {
    ...token.identity,
    ...settings,
    ...(Number.isFinite(pinTries) && { pinTries }),
    keyAlgorithms: [...settings.keyAlgorithms],
    signatureAlgorithms: [...settings.signatureAlgorithms],
    wrongTries: token.wrongTries,
    keys: token.keys.map((key) => ({
      keyId: key.keyId,
      label: key.label,
      usage: key.usage,
      origin: key.origin,
      algorithm: key.algorithm,
      pkcs8: exportPrivateKey(key),
    })),
    certificates: [...token.certificates],
  }) as JsonObject;
}

/** The token as it was exported. */
export function importToken(json: JsonObject): MockToken {
  const { keys, certificates, wrongTries, pinTries, ...options } = z.decode(
    tokenSchema,
    json as z.input<typeof tokenSchema>,
  );
  const token = new MockToken({ ...options, pinTries: pinTries ?? Number.POSITIVE_INFINITY });
  for (const { pkcs8, ...key } of keys) {
    token.addKey({ ...importSoftwareKey(key.algorithm, pkcs8), ...key });
  }
  for (const certificate of certificates) token.importCertificate(certificate);
  token.setWrongTries(wrongTries);
  return token;
}

const tokenSchema = z.object({
  serialNumber: z.string(),
  label: z.string(),
  model: z.string(),
  manufacturer: z.string(),
  pin: z.string(),
  /** Absent: never locks. JSON has no infinity. */
  pinTries: z.number().optional(),
  wrongTries: z.int().min(0),
  loginRequired: z.boolean(),
  protectedAuthenticationPath: z.boolean(),
  privateKeysVisible: z.boolean(),
  memory: z.number().optional(),
  keyAlgorithms: z.array(keyAlgorithmSchema),
  signatureAlgorithms: z.array(z.enum(SIGNATURE_ALGORITHMS)),
  keys: z.array(
    z.object({
      keyId: bytes,
      label: z.string(),
      usage: z.enum(KEY_PAIR_USAGES).optional(),
      origin: z.literal("imported").optional(),
      algorithm: keyAlgorithmSchema,
      pkcs8: bytes,
    }),
  ),
  certificates: z.array(z.object({ der: bytes, keyId: bytes, label: z.string() })),
});
