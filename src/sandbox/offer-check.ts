import type { Offer } from "../core/domain/offer.js";
import type { Problem } from "../core/errors.js";
import { validateForm } from "../core/form.js";
import type { ApplicationStatement } from "../transport/http/wire/statements.js";
import type { Office } from "./office.js";
import { Refusal } from "./refusal.js";
import type { Application, State } from "./state.js";

/** What was signed must be what was offered. Returns the offer, and the term that was chosen. @throws Refusal */
export function checkOffer(
  { state, clock }: Office,
  statement: ApplicationStatement,
): { readonly offer: State["offers"][string]["offer"]; readonly term: Application["term"] } {
  const entry = state.offers[statement.offer.id];
  const mine = entry?.usedBy === statement.renewalId;
  if (!entry || (!mine && (entry.usedBy !== undefined || entry.offer.expiresAt <= clock.now()))) {
    throw new Refusal("ERR_OFFER_STALE", "the offer has expired, was used, or is not ours");
  }
  const { offer } = entry;
  const bound =
    statement.offer.sha256 === entry.sha256 &&
    statement.raNonce === offer.nonce &&
    statement.certificateSha256 === offer.certificateSha256;
  if (!bound) throw new Refusal("ERR_RA_REFUSED", "the application is not bound to this offer");
  const { agreement, guards, terms } = offer;
  if (
    statement.agreement.version !== agreement.version ||
    statement.agreement.sha256 !== agreement.sha256 ||
    statement.agreement.acceptedAt > statement.expiresAt
  ) {
    throw new Refusal("ERR_AGREEMENT_MISMATCH", "another agreement was accepted");
  }
  const missing = guards.filter(({ id }) => !statement.acknowledged.includes(id));
  if (missing.length > 0) {
    throw new Refusal("ERR_GUARD_UNACKNOWLEDGED", "there are questions without an answer", {
      problems: missing.map(({ id, en }) => ({
        pointer: "/acknowledged",
        message: `${id}: ${en}`,
      })),
    });
  }
  const term = terms.years.find(({ years }) => years === statement.years);
  const { price } = statement;
  if (!term || price.amount !== term.total.amount || price.currency !== term.total.currency) {
    throw new Refusal("ERR_ARGUMENT", "years and price are not those of the offer", {
      status: 422,
    });
  }
  if (!terms.keyModes.includes(statement.keyMode)) {
    throw new Refusal("ERR_ARGUMENT", `${statement.keyMode} is not offered`, { status: 422 });
  }
  return { offer, term };
}

/** @throws Refusal naming each field that is not as the offer's form wants it */
export function checkForm(offer: Pick<Offer, "form">, { form }: ApplicationStatement): void {
  const problems: readonly Problem[] = validateForm(offer.form.schema, form);
  if (problems.length > 0)
    throw new Refusal("ERR_FORM_INVALID", "the form is not valid", { problems });
}
