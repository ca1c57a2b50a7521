import type { Exchange, Reply } from "./ports/transport.js";
import type { HandedInRequest, KeyRequest, RenewalRecord, RequestedKey } from "./record.js";

/**
 * The record once the RA has the certification request that was handed in: its key is the requested one now, and what was
 * issued or begun for the one before is of no use any more.
 */
export function withRequestedKey(
  record: RenewalRecord,
  {
    exchange: { signed },
    reply: { receipt },
  }: { readonly exchange: Pick<Exchange, "signed">; readonly reply: Pick<Reply, "receipt"> },
): RenewalRecord {
  const { application, issuance } = record;
  const { keyRequest, reissues = 0 } = issuance;
  if (!keyRequest) return record;
  const { key, encryptionKey, request, encryptionRequest, reason, token } = keyRequest;
  const encryption = encryptionKey && { key: encryptionKey, request: encryptionRequest };
  return {
    ...record,
    token,
    application: {
      ...application,
      requestedKey: key,
      request,
      encryption: encryption ?? application.encryption,
      choice: application.choice && {
        ...application.choice,
        keyMode: isOwnKey(record, key) ? application.choice.keyMode : "re-key",
      },
      handedIn: [
        ...(application.handedIn ?? []),
        { reason, signed, receipt, replaced: requestsOf(application) },
      ],
      abandonedKeys: [...(application.abandonedKeys ?? []), ...abandonedBy(record, keyRequest)],
    },
    issuance: {
      ...issuance,
      keyRequest: undefined,
      reissues: reason === "installation" ? reissues : reissues + 1,
      collected: undefined,
      installation: undefined,
    },
  };
}

function requestsOf({
  request,
  encryption,
}: RenewalRecord["application"]): HandedInRequest["replaced"] {
  return request && { request, encryptionRequest: encryption?.request };
}

/** Whether it is the key of the certificate being renewed. */
function isOwnKey({ previous }: RenewalRecord, { keyId }: RequestedKey): boolean {
  return Buffer.compare(previous.keyId, keyId) === 0;
}

/** Key pairs that this renewal made, and that the new request leaves behind. */
function abandonedBy(record: RenewalRecord, keyRequest: KeyRequest): RequestedKey[] {
  const { requestedKey, encryption } = record.application;
  const kept = [keyRequest.key, ...(keyRequest.encryptionKey ? [keyRequest.encryptionKey] : [])];
  return [requestedKey, encryption?.key]
    .filter((key) => key !== undefined)
    .filter((key) => key.spki !== undefined && !isOwnKey(record, key))
    .filter(({ keyId }) => kept.every((other) => Buffer.compare(other.keyId, keyId) !== 0));
}
