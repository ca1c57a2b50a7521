import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { sha256Hex } from "../../core/pki/certificate.js";
import { createRequest, parseRequest } from "../../core/pki/request.js";
import { verifySignedData } from "../../core/pki/signed-data.js";
import { rejectsWith } from "../contract.js";
import type { TransportCase } from "../transport-contract.js";
import { apply, freshSigner, prepareApplication, saved, withRemote } from "./support.js";

/** Applications: signed, sent once however often, found again, amended, cancelled. */
export const applicationCases: readonly TransportCase[] = [
  {
    name: "prepares an application that the old key signed, and sends nothing",
    async run(setting) {
      const { exchange, reference } = await prepareApplication(setting);
      assert.ok(exchange.signed !== undefined);
      const { signerCertificate } = verifySignedData(exchange.signed);
      assert.equal(signerCertificate.sha256, sha256Hex(setting.previous.certificate));
      const recovery = await setting.transport.recover(exchange, reference);
      assert.equal(recovery.outcome, "not-received");
    },
  },
  {
    name: "keeps the follow secret out of the exchange",
    async run(setting) {
      const { exchange, reference } = await prepareApplication(setting);
      assert.ok(!JSON.stringify(exchange.message).includes(reference.followSecret));
      assert.ok(!Buffer.from(exchange.signed ?? []).includes(reference.followSecret));
    },
  },
  {
    name: "opens an application with its order",
    async run(setting) {
      const { reply, content } = await apply(setting);
      const { application, order, payment } = reply.progress;
      assert.equal(application.status, "received");
      assert.equal(application.revision, 1);
      assert.ok(order?.businessNumber);
      assert.deepEqual(order.total, content.price);
      assert.equal(order.transactions.length, 1);
      assert.ok(order.beneficiaries.length > 0, "there is an account to pay to");
      assert.equal(payment?.open, true);
      assert.deepEqual(payment?.total, content.price);
      assert.deepEqual(payment?.instructions, []);
    },
  },
  {
    name: "opens one application, however often it is sent",
    async run(setting) {
      const { transport } = setting;
      const { exchange, reference } = await prepareApplication(setting);
      const replies = await Promise.all([
        transport.send(exchange, reference),
        transport.send(exchange, reference),
      ]);
      replies.push(await (setting.another?.() ?? transport).send(exchange, reference));
      const numbers = replies.map(({ progress }) => progress.order?.businessNumber);
      assert.equal(new Set(numbers).size, 1);
    },
  },
  {
    name: "finds an application that was sent",
    async run(setting) {
      const { exchange, reference, reply } = await apply(setting);
      const recovery = await setting.transport.recover(exchange, reference);
      assert.ok(recovery.outcome === "done");
      assert.deepEqual(recovery.reply.progress, reply.progress);
    },
  },
  {
    name: "refuses another message under the same idempotency key",
    async run(setting) {
      const { content, reply, reference } = await apply(setting);
      const { idempotencyKey, renewalId, followSecret } = content;
      const other = await prepareApplication(setting, { idempotencyKey, renewalId, followSecret });
      await assert.rejects(setting.transport.send(other.exchange, reference));
      const { progress } = await setting.transport.progress(reference);
      assert.deepEqual(progress, reply.progress);
    },
  },
  {
    name: "refuses a second application for a certificate while one is open",
    async run(setting) {
      await apply(setting);
      await rejectsWith("ERR_APPLICATION_OPEN", apply(setting));
    },
  },
  {
    name: "refuses a form that is not filled in, and opens nothing",
    async run(setting) {
      const { exchange, reference } = await prepareApplication(setting, { form: {} });
      const error = await rejectsWith(
        "ERR_FORM_INVALID",
        setting.transport.send(exchange, reference),
      );
      assert.ok(error.problems.length > 0, "what is wrong is named");
      const recovery = await setting.transport.recover(exchange, reference);
      assert.equal(recovery.outcome, "not-received");
    },
  },
  {
    name: "refuses an application for another agreement",
    async run(setting) {
      const agreement = { version: "other", sha256: "0".repeat(64), acceptedAt: new Date() };
      const { exchange, reference } = await prepareApplication(setting, { agreement });
      await rejectsWith("ERR_AGREEMENT_MISMATCH", setting.transport.send(exchange, reference));
    },
  },
  {
    name: "refuses a signature of another key than the certificate's",
    async run(setting) {
      const { transport, previous } = setting;
      const { content, requested, reference } = await prepareApplication(setting);
      const stranger = { ...freshSigner(), certificate: previous.certificate };
      await assert.rejects(async () => {
        const exchange = await transport.prepare(content, { previous: stranger, requested });
        await transport.send(exchange, reference);
      });
      await assert.rejects(transport.progress(reference), "nothing was opened");
    },
  },
  {
    name: "tells nothing to one who has not the follow secret",
    async run(setting) {
      const { reference } = await apply(setting);
      const guessed = { ...reference, followSecret: `${reference.followSecret.slice(1)}A` };
      await rejectsWith("ERR_RA_REFUSED", setting.transport.progress(guessed));
    },
  },
  {
    name: "tells the progress without changing it, to any instance",
    async run(setting) {
      const { reference, reply } = await apply(setting);
      const { transport } = setting;
      const one = await transport.progress(reference);
      const other = await (setting.another?.() ?? transport).progress(reference);
      assert.deepEqual(one.progress, reply.progress);
      assert.deepEqual(other.progress, reply.progress);
    },
  },
  {
    name: "sends and asks nothing when its signal was aborted",
    async run(setting) {
      const { transport } = setting;
      const { exchange, reference } = await prepareApplication(setting);
      const signal = AbortSignal.abort();
      await rejectsWith("ERR_ABORTED", transport.send(exchange, reference, { signal }));
      await rejectsWith("ERR_ABORTED", transport.recover(exchange, reference, { signal }));
      await rejectsWith("ERR_ABORTED", transport.progress(reference, { signal }));
      await rejectsWith("ERR_ABORTED", transport.collect(reference, { signal }));
      const recovery = await transport.recover(exchange, reference);
      assert.equal(recovery.outcome, "not-received");
    },
  },
  {
    name: "takes an amended application once it was returned",
    async run(setting) {
      const { transport, previous, desk, form } = setting;
      const { content, requested, reference, reply } = await apply(setting);
      await desk.returnForCorrection(reference.renewalId, "请补充说明");
      const returned = await transport.progress(reference);
      assert.equal(returned.progress.application.status, "returned");
      assert.deepEqual(
        returned.progress.application.reasons.map(({ text }) => text),
        ["请补充说明"],
      );
      assert.ok(content.request !== undefined, "the request goes with the application");
      const { subjectDer } = parseRequest(content.request);
      const amended = {
        ...content,
        revision: 2,
        idempotencyKey: randomUUID(),
        nonce: randomUUID(),
        request: await createRequest({ subjectDer, signer: requested }),
        form: { ...form, remarks: "已补充" },
      };
      const exchange = saved(await transport.prepare(amended, { previous, requested }));
      const { progress } = await transport.send(exchange, withRemote(reference, returned));
      assert.equal(progress.application.status, "received");
      assert.equal(progress.application.revision, 2);
      assert.equal(progress.order?.businessNumber, reply.progress.order?.businessNumber);
    },
  },
  {
    name: "cancels, once however often, and takes a new application after it",
    async run(setting) {
      const { transport, previous } = setting;
      const { reference } = await apply(setting);
      const exchange = saved(await transport.business.prepareCancellation(reference, previous));
      assert.ok(exchange.signed !== undefined, "a cancellation is signed");
      const first = await transport.send(exchange, reference);
      const second = await transport.send(exchange, reference);
      assert.equal(first.progress.application.status, "cancelled");
      assert.deepEqual(second.progress, first.progress);
      const again = await apply(setting);
      assert.equal(again.reply.progress.application.status, "received");
    },
  },
];
