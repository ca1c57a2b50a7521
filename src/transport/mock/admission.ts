import type { Offer, OfferTerm } from "../../core/domain/offer.js";
import { RenewalError } from "../../core/errors.js";
import { validateForm } from "../../core/form.js";
import { bytesEqual } from "../../core/pki/der.js";
import { offerHash } from "../http/wire/statements.js";
import type { MockApplication } from "./application.js";
import { refused } from "./faults.js";
import type { Message } from "./messages.js";

export type ApplicationMessage = Message & { readonly purpose: "application" };

/**
 * Whether an application can be taken, for the offer it names.
 * @returns the term that was chosen
 * @throws ERR_OFFER_STALE, ERR_AGREEMENT_MISMATCH, ERR_GUARD_UNACKNOWLEDGED, ERR_FORM_INVALID, ERR_RA_REFUSED
 */
export function admit(message: ApplicationMessage, offer: Offer, now: Date): OfferTerm {
  const { statement, signer, request } = message;
  if (now > offer.expiresAt) throw new RenewalError("ERR_OFFER_STALE");
  if (now > statement.expiresAt) throw refused("the application has expired");
  const bound =
    statement.offer.sha256 === offerHash(offer, undefined) &&
    statement.raNonce === offer.nonce &&
    statement.origin === offer.origin &&
    statement.certificateSha256 === offer.certificateSha256;
  if (!bound) throw refused("the application is bound to another offer");
  if (signer.sha256 !== offer.certificateSha256) throw refused("signed with another certificate");
  const { agreement, terms } = offer;
  if (
    statement.agreement.version !== agreement.version ||
    statement.agreement.sha256 !== agreement.sha256
  ) {
    throw new RenewalError("ERR_AGREEMENT_MISMATCH");
  }
  const term = terms.years.find(({ years }) => years === statement.years);
  if (!term || term.total.amount !== statement.price.amount) throw refused("not a term on offer");
  const keepsKey = bytesEqual(request.spki, signer.spki);
  if (keepsKey !== (statement.keyMode === "renew") || !terms.keyModes.includes(statement.keyMode)) {
    throw refused(`the request does not fit the key mode ${statement.keyMode}`);
  }
  if (!bytesEqual(request.subjectDer, signer.subjectDer)) throw refused("another subject");
  const open = offer.guards.filter(({ id }) => !statement.acknowledged.includes(id));
  if (open.length > 0) {
    throw new RenewalError("ERR_GUARD_UNACKNOWLEDGED", {
      problems: open.map(({ id, en }) => ({ pointer: `/acknowledge/${id}`, message: en })),
    });
  }
  const problems = validateForm(offer.form.schema, statement.form);
  if (problems.length > 0) throw new RenewalError("ERR_FORM_INVALID", { problems });
  return term;
}

/** A first application opens the renewal, a further one answers a return. @throws ERR_RA_REFUSED, ERR_APPLICATION_OPEN */
export function assertTurn(
  { statement }: ApplicationMessage,
  present: MockApplication | undefined,
  otherOpen: boolean,
): void {
  if (otherOpen) throw new RenewalError("ERR_APPLICATION_OPEN");
  if (!present && statement.revision !== 1) throw refused("there is nothing to amend");
  if (!present) return;
  if (present.status !== "returned" || statement.revision !== present.statement.revision + 1) {
    throw refused("the application is not to be amended now");
  }
}
