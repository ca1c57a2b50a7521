import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { parseCertificate, sha256Hex } from "../../core/pki/certificate.js";
import { bytesEqual } from "../../core/pki/der.js";
import type { CertificationRequestReason, Signer } from "../../core/ports/transport.js";
import type { TransportCase, TransportSetting } from "../transport-contract.js";
import {
  type Applying,
  applyAndApprove,
  facet,
  freshSigner,
  requestFor,
  saved,
} from "./support.js";

/** Certification requests after the application: at installation, or in the place of the one before. */
export const certificationRequestCases: readonly TransportCase[] = [
  {
    name: "takes the certification request at installation, and has nothing to collect before",
    wanted: { requestAt: "installation" },
    async run(setting) {
      const { transport, previous } = setting;
      const approved = await applyAndApprove(setting);
      const { reference, offer, progress, requested } = approved;
      assert.equal(offer.terms.requestAt, "installation");
      assert.equal(progress.issuance.status, "ready");
      await assert.rejects(transport.collect(reference));
      const exchange = await prepare(setting, approved, "installation", requested, previous);
      assert.ok(exchange.signed !== undefined, "it is signed");
      assert.equal((await transport.recover(exchange, reference)).outcome, "not-received");
      await transport.send(exchange, reference);
      await transport.send(exchange, reference);
      assert.equal((await transport.recover(exchange, reference)).outcome, "done");
      assert.ok(bytesEqual((await collected(setting, approved)).spki, requested.spki));
    },
  },
  {
    name: "issues for the new key after a reissue, and takes no confirmation of the old one",
    async run(setting) {
      const { transport, previous } = setting;
      const approved = await applyAndApprove(setting);
      const { reference, requested } = approved;
      const first = await transport.collect(reference);
      const fresh = freshSigner();
      const reply = await transport.send(
        await prepare(setting, approved, "key-lost", fresh, previous),
        reference,
      );
      assert.equal(reply.progress.issuance.status, "ready");
      const second = await collected(setting, approved);
      assert.ok(bytesEqual(second.spki, fresh.spki));
      assert.notEqual(second.sha256, sha256Hex(first.certificate));
      await assert.rejects(async () => {
        const { certificate } = first;
        const content = {
          idempotencyKey: randomUUID(),
          reference: { ...reference, remote: reply.remote },
          certificate,
          installedAt: new Date(),
        };
        const signer = { ...requested, certificate };
        const confirmation = await transport.prepareConfirmation(content, signer);
        await transport.send(saved(confirmation), reference);
      });
    },
  },
  {
    name: "issues nothing without the old key's signature before a person has looked",
    async run(setting) {
      const { transport, desk } = setting;
      const approved = await applyAndApprove(setting);
      const { reference } = approved;
      const fresh = freshSigner();
      const exchange = await prepare(setting, approved, "token-replaced", fresh, undefined);
      assert.equal(exchange.signed, undefined);
      const refused = await transport.send(exchange, reference).then(
        () => false,
        () => true,
      );
      // An RA may want to see the applicant in person.
      if (refused) return;
      await assert.rejects(transport.collect(reference));
      await desk.approve(reference.renewalId);
      assert.ok(bytesEqual((await collected(setting, approved)).spki, fresh.spki));
    },
  },
];

async function prepare(
  setting: TransportSetting,
  { reference }: Applying,
  reason: CertificationRequestReason,
  requested: Signer,
  signer: Signer | undefined,
) {
  const { remote } = await setting.transport.progress(reference);
  const content = {
    idempotencyKey: randomUUID(),
    reference: { ...reference, remote },
    reason,
    request: await requestFor(setting, requested),
  };
  return saved(await facet(setting, "prepareCertificationRequest")(content, signer));
}

async function collected({ transport }: TransportSetting, { reference }: Applying) {
  const { certificate } = await transport.collect(reference);
  return parseCertificate(certificate);
}
