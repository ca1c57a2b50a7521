import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { TransportCase } from "../transport-contract.js";
import { apply, facet, freshSigner, saved } from "./support.js";

const freshSecret = (): string => randomBytes(32).toString("base64url");

/** Finding an application with nothing but the key. */
export const lookUpCases: readonly TransportCase[] = [
  {
    name: "finds nothing for a certificate that nothing was applied for with",
    async run(setting) {
      const { certificate } = setting.previous;
      const content = { certificate, followSecret: freshSecret() };
      assert.deepEqual(await facet(setting, "lookUp")(content, setting.previous), []);
    },
  },
  {
    name: "finds an application with its offer, and goes on with another secret beside the first",
    async run(setting) {
      const { transport, previous } = setting;
      const { reference, offer, content, exchange, reply } = await apply(setting);
      const followSecret = freshSecret();
      const found = await facet(setting, "lookUp")(
        { certificate: previous.certificate, followSecret },
        previous,
      );
      const [application, ...others] = found;
      assert.deepEqual(others, []);
      assert.ok(application !== undefined);
      assert.equal(application.renewalId, reference.renewalId);
      assert.deepEqual(application.offer.offer, offer);
      assert.deepEqual(application.applied.form, content.form);
      assert.deepEqual(application.applied.signed, exchange.signed);
      assert.deepEqual(application.reply.progress, reply.progress);
      const elsewhere = { ...reference, followSecret, remote: application.reply.remote };
      assert.deepEqual((await transport.progress(elsewhere)).progress, reply.progress);
      assert.deepEqual((await transport.progress(reference)).progress, reply.progress);
      const cancelling = await transport.business.prepareCancellation(elsewhere, previous);
      const cancelled = await transport.send(saved(cancelling), elsewhere);
      assert.equal(cancelled.progress.application.status, "cancelled");
    },
  },
  {
    name: "finds nothing for another key",
    async run(setting) {
      const { certificate } = setting.previous;
      const { reference } = await apply(setting);
      const followSecret = freshSecret();
      const stranger = { ...freshSigner(), certificate };
      await assert.rejects(async () => {
        await facet(setting, "lookUp")({ certificate, followSecret }, stranger);
      });
      await assert.rejects(setting.transport.progress({ ...reference, followSecret }));
    },
  },
];
