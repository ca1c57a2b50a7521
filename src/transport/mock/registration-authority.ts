import type { Offer } from "../../core/domain/offer.js";
import { RenewalError } from "../../core/errors.js";
import { verifySignature } from "../../core/pki/algorithms.js";
import { parseCertificate } from "../../core/pki/certificate.js";
import type {
  Exchange,
  Issued,
  Recovery,
  Reference,
  Reply,
  Signer,
} from "../../core/ports/transport.js";
import { DEMONSTRATION_BENEFICIARY } from "../../sandbox/demonstration.js";
import {
  isApproved,
  isCovered,
  type MockApplication,
  progressOf,
  revokeIfLate,
} from "./application.js";
import { authorised, emptyBooks, type Rules } from "./books.js";
import { type MockDesk, mockDesk } from "./desk.js";
import { refused } from "./faults.js";
import { takeIn } from "./intake.js";
import { fingerprint, readMessage } from "./messages.js";
import { makeOffer } from "./offers.js";

/** An RA in memory: real signatures, real certificates, a ledger, and clerks that do as they are told. */
export interface RegistrationAuthority {
  readonly desk: MockDesk;
  offerFor(certificate: Uint8Array): Offer;
  receive(exchange: Exchange, reference: Reference): Reply;
  find(exchange: Exchange, reference: Reference): Recovery;
  reply(reference: Reference): Reply;
  /** Lets the asker prove that it has one of the renewal's keys, by a signature over words of this side's own. */
  identify(reference: Reference, signer: Signer | undefined): Promise<void>;
  issuedTo(reference: Reference): Issued;
}

export function registrationAuthority(rules: Rules): RegistrationAuthority {
  const { clock, authority } = rules;
  const books = emptyBooks();
  const desk = mockDesk(books, rules);

  function replyTo(application: MockApplication): Reply {
    const { nonce } = application;
    revokeIfLate(application, clock.now());
    const { retryAfterMs } = rules;
    return {
      progress: progressOf(application, {
        beneficiary: DEMONSTRATION_BENEFICIARY,
        invoiceTypes: rules.invoiceTypes,
      }),
      remote: { nonce },
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  }

  function issue({ previous, requestedSpki: spki, term, offer }: MockApplication): Issued {
    const notBefore = clock.now();
    const wanted = { spki, notBefore, notAfter: term.notAfter };
    const certificate = authority.renew(previous, wanted, books.flaw);
    if (offer.terms.previous === "revoke-at-issuance") books.revoked.add(previous.sha256);
    const { confirmWithinMs } = rules;
    const confirmBy =
      confirmWithinMs === undefined ? undefined : new Date(notBefore.getTime() + confirmWithinMs);
    return { certificate, chain: authority.chain, ...(confirmBy && { confirmBy }) };
  }

  return {
    desk,

    offerFor(der) {
      const certificate = parseCertificate(der);
      if (!authority.issued(certificate)) throw refused("not a certificate of this CA");
      if (books.revoked.has(certificate.sha256)) throw refused("the certificate is revoked");
      const offer = makeOffer(certificate, rules.origin, clock.now(), rules.offer);
      books.offers.set(offer.id, offer);
      return offer;
    },

    receive(exchange, reference) {
      const { idempotencyKey } = exchange;
      const sha256 = fingerprint(exchange);
      const known = books.received.get(idempotencyKey);
      if (known !== undefined && known !== sha256) throw refused("another message under this key");
      if (known === undefined) takeIn(readMessage(exchange), reference, { books, rules, desk });
      books.received.set(idempotencyKey, sha256);
      return replyTo(authorised(books, reference));
    },

    find(exchange, reference) {
      const known = books.received.get(exchange.idempotencyKey);
      if (known === undefined) return { outcome: "not-received" };
      if (known !== fingerprint(exchange)) {
        const reason = "the RA has another message under this key";
        throw new RenewalError("ERR_RA_RESPONSE", { details: { reason } });
      }
      return { outcome: "done", reply: replyTo(authorised(books, reference)) };
    },

    reply: (reference) => replyTo(authorised(books, reference)),

    async identify(reference, signer) {
      const { previous, renewalId, requestedSpki } = authorised(books, reference);
      const [algorithm] = signer?.algorithms ?? [];
      if (!signer || !algorithm) throw refused("the RA answers signed questions only");
      const words = `certrenew mock: progress of ${renewalId} at ${clock.now().toISOString()}`;
      const message = new TextEncoder().encode(words);
      const signature = await signer.sign(message, algorithm);
      const known = [previous.spki, requestedSpki].some((spki) =>
        verifySignature(spki, algorithm, message, signature),
      );
      if (!known) throw refused("signed by another key");
    },

    issuedTo(reference) {
      const application = authorised(books, reference);
      if (!isApproved(application) || !isCovered(application) || application.revoked) {
        throw refused("there is nothing to collect");
      }
      application.issued ??= issue(application);
      return application.issued;
    },
  };
}
