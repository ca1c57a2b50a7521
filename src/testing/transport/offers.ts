import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { z } from "zod";
import { signedOfferSchema } from "../../core/domain/offer.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import { rejectsWith } from "../contract.js";
import { sampleCertificate } from "../sample-certificate.js";
import type { TransportCase } from "../transport-contract.js";
import { freshSigner, throughJson } from "./support.js";

/** What the RA offers for a certificate. */
export const offerCases: readonly TransportCase[] = [
  {
    name: "offers terms for a certificate, good for the record",
    async run({ transport, previous }) {
      const signed = await transport.business.offer(previous.certificate);
      const { offer } = signed;
      assert.equal(offer.certificateSha256, sha256Hex(previous.certificate));
      assert.ok(offer.expiresAt > offer.createdAt);
      assert.ok(offer.terms.years.length > 0);
      const { text, sha256 } = offer.agreement;
      assert.equal(createHash("sha256").update(text, "utf8").digest("hex"), sha256);
      const stored = z.decode(signedOfferSchema, throughJson(signedOfferSchema, signed));
      assert.deepEqual(stored.offer, offer);
    },
  },
  {
    name: "makes each offer anew",
    async run({ transport, previous }) {
      const { business } = transport;
      const one = await business.offer(previous.certificate);
      const other = await business.offer(previous.certificate);
      assert.notEqual(one.offer.id, other.offer.id);
      assert.notEqual(one.offer.nonce, other.offer.nonce);
    },
  },
  {
    name: "offers nothing for another CA's certificate",
    async run({ transport }) {
      const { spki } = freshSigner();
      await rejectsWith("ERR_RA_REFUSED", transport.business.offer(sampleCertificate(spki)));
    },
  },
  {
    name: "asks nothing when its signal was aborted",
    async run({ transport, previous }) {
      const signal = AbortSignal.abort();
      await rejectsWith("ERR_ABORTED", transport.business.offer(previous.certificate, { signal }));
    },
  },
];
