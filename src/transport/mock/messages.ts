import { z } from "zod";
import type { JsonObject } from "../../core/domain/scalars.js";
import { RenewalError } from "../../core/errors.js";
import { type Certificate, sha256Hex } from "../../core/pki/certificate.js";
import { DerError } from "../../core/pki/der-error.js";
import { type CertificationRequest, parseRequest } from "../../core/pki/request.js";
import { verifySignedData } from "../../core/pki/signed-data.js";
import type { Exchange } from "../../core/ports/transport.js";
import { readExchange } from "../http/exchanges.js";
import { JsonError, parseCanonicalJson } from "../http/wire/json.js";
import {
  applicationBodySchema,
  bankTransferBodySchema,
  cancellationBodySchema,
  confirmationBodySchema,
} from "../http/wire/messages.js";
import {
  type ApplicationStatement,
  applicationStatementSchema,
  type CancellationStatement,
  type ConfirmationStatement,
  cancellationStatementSchema,
  confirmationStatementSchema,
} from "../http/wire/statements.js";
import { refused } from "./faults.js";

/** An exchange as the RA reads it: every signature checked, whose it is not yet. */
export type Message =
  | {
      readonly purpose: "application";
      readonly statement: ApplicationStatement;
      readonly signer: Certificate;
      readonly request: CertificationRequest;
    }
  | {
      readonly purpose: "cancellation";
      readonly statement: CancellationStatement;
      readonly signer: Certificate;
    }
  | {
      readonly purpose: "confirmation";
      readonly statement: ConfirmationStatement;
      readonly signer: Certificate;
    }
  | {
      readonly purpose: "bank-transfer";
      readonly transfer: z.output<typeof bankTransferBodySchema>;
    };

/** The fingerprint by which the RA knows an exchange again. */
export const fingerprint = (exchange: Exchange): string =>
  sha256Hex(new TextEncoder().encode(exchange.purpose + readExchange(exchange).body));

/** @throws ERR_RA_REFUSED when it is not what its purpose says, or a signature is not valid */
export function readMessage(exchange: Exchange): Message {
  const { body } = readExchange(exchange);
  try {
    const json: unknown = JSON.parse(body);
    switch (exchange.purpose) {
      case "application": {
        const content = decode(applicationBodySchema, json);
        const opened = open(applicationStatementSchema, content.application);
        if (opened.statement.requestSha256 !== sha256Hex(content.request)) {
          throw refused("another certification request than the one signed for");
        }
        return { purpose: "application", ...opened, request: readRequest(content.request) };
      }
      case "cancellation": {
        const { cancellation } = decode(cancellationBodySchema, json);
        return { purpose: "cancellation", ...open(cancellationStatementSchema, cancellation) };
      }
      case "confirmation": {
        const { confirmation } = decode(confirmationBodySchema, json);
        return { purpose: "confirmation", ...open(confirmationStatementSchema, confirmation) };
      }
      case "bank-transfer":
        return { purpose: "bank-transfer", transfer: decode(bankTransferBodySchema, json) };
    }
  } catch (cause) {
    if (cause instanceof RenewalError) throw cause;
    if (cause instanceof DerError || cause instanceof JsonError)
      throw refused(cause.message, cause);
    throw refused("a malformed message", cause);
  }
}

function readRequest(der: Uint8Array): CertificationRequest {
  const request = parseRequest(der);
  if (!request.signatureValid) throw refused("the request is not signed by its own key");
  return request;
}

function open<S extends z.ZodType>(
  schema: S,
  der: Uint8Array,
): { readonly statement: z.output<S>; readonly signer: Certificate } {
  const { content, signerCertificate } = verifySignedData(der, { requireSigningCertificate: true });
  const json: JsonObject = parseCanonicalJson(content);
  return { statement: decode(schema, json), signer: signerCertificate };
}

const decode = <S extends z.ZodType>(schema: S, json: unknown): z.output<S> =>
  z.decode(schema, json as z.input<S>);
