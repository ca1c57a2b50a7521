import assert from "node:assert/strict";
import type { DriverCase } from "../driver-contract.js";
import { assertBytes, identityOf, rejectsWith } from "./support.js";

/** What is seen without a PIN. */
export const listingCases: readonly DriverCase[] = [
  {
    name: "lists the token by its identity, without a PIN",
    async run({ driver, token }) {
      const tokens = await driver.tokens();
      assert.deepEqual(tokens.map(identityOf), [identityOf(token)]);
      assert.notEqual(tokens[0]?.slot, "");
      assert.equal(tokens[0]?.pinState, "ok");
    },
  },
  {
    name: "tells which keys the token can make and which signatures",
    async run({ driver }) {
      const [token] = await driver.tokens();
      assert.ok(token !== undefined && token.keyAlgorithms.length > 0);
      assert.ok(token.signatureAlgorithms.length > 0);
    },
  },
  {
    name: "reads the certificates without a PIN",
    async run({ driver, token, credential }) {
      const contents = await driver.certificates();
      assert.equal(contents.length, 1);
      const [content] = contents;
      assert.ok(content !== undefined);
      assert.deepEqual(identityOf(content.token), identityOf(token));
      assert.equal(content.unreadableObjects, 0);
      assert.equal(content.certificates.length, 1);
      const [certificate] = content.certificates;
      assert.ok(certificate !== undefined);
      assertBytes(certificate.der, credential.certificate, "the certificate, byte for byte");
      assertBytes(certificate.keyId, credential.keyId, "its CKA_ID");
      assert.equal(certificate.label, credential.label);
      assert.notEqual(certificate.privateKey, "absent", "before login a private key may be hidden");
    },
  },
  {
    name: "answers listings that are asked for at the same time",
    async run({ driver }) {
      const [tokens, contents, again] = await Promise.all([
        driver.tokens(),
        driver.certificates(),
        driver.tokens(),
      ]);
      assert.equal(tokens.length, 1);
      assert.equal(contents.length, 1);
      assert.deepEqual(again.map(identityOf), tokens.map(identityOf));
    },
  },
  {
    name: "refuses a listing whose signal was aborted, and lists again after it",
    async run({ driver }) {
      const signal = AbortSignal.abort();
      await rejectsWith("ERR_ABORTED", driver.tokens({ signal }));
      await rejectsWith("ERR_ABORTED", driver.certificates({ signal }));
      assert.equal((await driver.tokens()).length, 1);
    },
  },
  {
    name: "stops a listing that is under way when its signal aborts",
    async run({ driver }) {
      const controller = new AbortController();
      const listing = driver.certificates({ signal: controller.signal });
      controller.abort();
      await rejectsWith("ERR_ABORTED", listing);
      assert.equal((await driver.certificates()).length, 1);
    },
  },
  {
    name: "may be closed twice",
    async run({ driver }) {
      await driver.tokens();
      await driver.close();
      await driver.close();
    },
  },
];
