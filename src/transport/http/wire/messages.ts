import { z } from "zod";
import { recipientSchema, remittanceSchema } from "../../../core/domain/ledger.js";
import { progressSchema } from "../../../core/domain/progress.js";
import { bytes, dateTime, identifier, sha256Hex } from "../../../core/domain/scalars.js";

/** The bodies of requests and answers. Requests are strict, since they are ours; answers pass over what is new. */

/** A document of the RA: CMS SignedData, or its bare canonical JSON from an RA that signs nothing. */
export const documentSchema = z.union([
  z.strictObject({ signed: bytes }),
  z.strictObject({ unsigned: bytes }),
]);
export type RaDocument = z.output<typeof documentSchema>;

export const offerRequestSchema = z.strictObject({
  certificate: bytes,
  /** The encryption certificate beside it on the token. */
  encryptionCertificate: bytes.optional(),
  nonce: z.string().min(16).max(256),
});
export const offerAnswerSchema = z.object({ offer: documentSchema });

export const applicationBodySchema = z.strictObject({
  /** CMS SignedData by the old key over an application statement. */
  application: bytes,
  /** PKCS#10 (RFC 2986), signed by the requested key; absent where the terms want it at installation. */
  request: bytes.optional(),
  /** The same for the encryption certificate. */
  encryptionRequest: bytes.optional(),
});
export const certificationRequestBodySchema = z.strictObject({
  /** CMS SignedData by the old key over the statement; or the bare statement, which a person at the RA then looks at. */
  statement: documentSchema,
  request: bytes,
  encryptionRequest: bytes.optional(),
});
export const onlinePaymentBodySchema = z.strictObject({
  instructionId: identifier,
  recipient: recipientSchema,
  invoiceType: identifier,
  method: identifier,
});
/** What an RA holds of a document that was uploaded. */
export const uploadAnswerSchema = z.object({ sha256: sha256Hex, size: z.int().min(0) });
export const nonceAnswerSchema = z.object({ nonce: z.string().min(16).max(256) });
export const lookUpBodySchema = z.strictObject({ lookUp: bytes });
export const cancellationBodySchema = z.strictObject({ cancellation: bytes });
export const confirmationBodySchema = z.strictObject({ confirmation: bytes });
export const bankTransferBodySchema = z.strictObject({
  instructionId: identifier,
  recipient: recipientSchema,
  invoiceType: identifier,
  remittances: z.array(remittanceSchema).min(1).max(50),
});

export const progressAnswerSchema = z.object({
  progress: progressSchema,
  /** The RA's nonce for what is signed next. */
  nonce: z.string().min(16).max(256),
});
export type ProgressAnswer = z.output<typeof progressAnswerSchema>;

/** What every writing call is answered with. */
export const receivedAnswerSchema = progressAnswerSchema.extend({ receipt: documentSchema });
export type ReceivedAnswer = z.output<typeof receivedAnswerSchema>;

export const recoveryAnswerSchema = z.discriminatedUnion("outcome", [
  z.object({
    outcome: z.literal("done"),
    /** Of the body that was received under this key. */
    exchangeSha256: sha256Hex,
    answer: receivedAnswerSchema,
  }),
  z.object({ outcome: z.literal("not-received") }),
]);

const issuedSchema = z.object({
  certificate: bytes,
  /** The issuer first. */
  chain: z.array(bytes).max(8),
});

export const issuedAnswerSchema = issuedSchema.extend({
  confirmBy: dateTime.optional(),
  encryption: issuedSchema.optional(),
});

/** What was applied for with one certificate, as its applicant signed it. */
export const lookUpAnswerSchema = z.object({
  renewals: z
    .array(
      progressAnswerSchema.extend({
        renewalId: identifier,
        offer: documentSchema,
        application: bytes,
        request: bytes.optional(),
        encryptionCertificate: bytes.optional(),
        encryptionRequest: bytes.optional(),
        /** The latest certification request that was handed in after the application. */
        handedIn: z.object({ request: bytes, encryptionRequest: bytes.optional() }).optional(),
      }),
    )
    .max(20),
});
export type LookUpAnswer = z.output<typeof lookUpAnswerSchema>;
