import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { parseCertificate, sha256Hex } from "../../core/pki/certificate.js";
import { bytesEqual } from "../../core/pki/der.js";
import { verifyChain } from "../../core/pki/verify.js";
import type { TransportCase } from "../transport-contract.js";
import { type Applying, apply, applyAndApprove, freshSigner, saved } from "./support.js";

/** The certificate: ready, collected, confirmed. */
export const issuanceCases: readonly TransportCase[] = [
  {
    name: "has nothing to collect before the approval",
    async run(setting) {
      const { reference, reply } = await apply(setting);
      assert.equal(reply.progress.issuance.status, "none");
      await assert.rejects(setting.transport.collect(reference));
    },
  },
  {
    name: "issues what was applied for, and gives the same each time",
    async run(setting) {
      const { transport, previous, trustAnchors } = setting;
      const { reference, progress, requested, offer, content } = await applyAndApprove(setting);
      assert.equal(progress.application.status, "approved");
      assert.equal(progress.issuance.status, "ready");
      const issued = await transport.collect(reference);
      const again = await transport.collect(reference);
      assert.equal(sha256Hex(again.certificate), sha256Hex(issued.certificate));
      const certificate = parseCertificate(issued.certificate);
      const old = parseCertificate(previous.certificate);
      assert.ok(bytesEqual(certificate.spki, requested.spki), "for the requested key");
      assert.equal(certificate.subject, old.subject);
      assert.ok(certificate.notAfter > old.notAfter, "it is good for longer");
      const term = offer.terms.years.find(({ years }) => years === content.years);
      const difference = certificate.notAfter.getTime() - (term?.notAfter.getTime() ?? 0);
      assert.ok(Math.abs(difference) <= offer.terms.notAfterRule.toleranceSeconds * 1000);
      const verdict = verifyChain({
        certificate: issued.certificate,
        intermediates: issued.chain,
        trustAnchors,
        at: new Date(),
      });
      assert.ok("chain" in verdict, "problem" in verdict ? verdict.problem : "");
    },
  },
  {
    name: "takes the confirmation of the new key, once however often",
    async run(setting) {
      const { transport } = setting;
      const approved = await applyAndApprove(setting);
      const { reference } = approved;
      const { certificate } = await transport.collect(reference);
      const exchange = await prepareConfirmation(setting.transport, approved, certificate);
      assert.equal((await transport.recover(exchange, reference)).outcome, "not-received");
      const first = await transport.send(exchange, reference);
      const second = await transport.send(exchange, reference);
      assert.equal(first.progress.issuance.status, "confirmed");
      assert.deepEqual(second.progress, first.progress);
      assert.equal((await transport.recover(exchange, reference)).outcome, "done");
    },
  },
  {
    name: "takes no confirmation by another key",
    async run(setting) {
      const { transport } = setting;
      const approved = await applyAndApprove(setting);
      const { reference } = approved;
      const { certificate } = await transport.collect(reference);
      const stranger = { ...approved, requested: freshSigner() };
      await assert.rejects(async () => {
        const exchange = await prepareConfirmation(transport, stranger, certificate);
        await transport.send(exchange, reference);
      });
      const { progress } = await transport.progress(reference);
      assert.equal(progress.issuance.status, "ready");
    },
  },
];

async function prepareConfirmation(
  transport: Parameters<TransportCase["run"]>[0]["transport"],
  { reference, requested }: Applying,
  certificate: Uint8Array,
) {
  const { remote } = await transport.progress(reference);
  const content = {
    idempotencyKey: randomUUID(),
    reference: { ...reference, remote },
    certificate,
    installedAt: new Date(),
  };
  return saved(await transport.prepareConfirmation(content, { ...requested, certificate }));
}
