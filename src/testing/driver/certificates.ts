import assert from "node:assert/strict";
import { createHash, generateKeyPairSync } from "node:crypto";
import type { Session, TokenCertificate } from "../../core/ports/driver.js";
import type { DriverCase } from "../driver-contract.js";
import { sampleCertificate } from "../sample-certificate.js";
import { assertBytes, freshKeyId, unlock } from "./support.js";

/** Certificates: written beside what stands there, once, and removed one by one. */
export const certificateCases: readonly DriverCase[] = [
  {
    name: "writes a certificate beside the old one, where every reader sees it",
    async run(setting) {
      const keyId = freshKeyId();
      const session = await unlock(setting);
      const { spki } = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "new" });
      const der = sampleCertificate(spki);
      await session.importCertificate({ der, keyId, label: "new certificate" });
      assertStands(await read(session), der, keyId, "new certificate");
      await session.close();

      const [contents] = await setting.driver.certificates();
      assert.ok(contents !== undefined);
      assert.equal(contents.certificates.length, 2);
      assertStands(contents.certificates, der, keyId, "new certificate");
      const { certificate, label } = setting.credential;
      assertStands(contents.certificates, certificate, setting.credential.keyId, label);
    },
  },
  {
    name: "writes the same certificate under the same CKA_ID once",
    async run(setting) {
      await using session = await unlock(setting);
      const { keyId } = setting.credential;
      const { spki } = (await session.findKeyPair({ keyId })) ?? assert.fail("no key pair");
      const der = sampleCertificate(spki);
      await session.importCertificate({ der, keyId, label: "renewed" });
      await session.importCertificate({ der, keyId, label: "renewed" });
      const certificates = await read(session);
      assert.equal(certificates.length, 2);
      assert.deepEqual(
        certificates.map(({ privateKey }) => privateKey),
        ["present", "present"],
        "both are certificates of one key",
      );
    },
  },
  {
    name: "says of a certificate whose key is elsewhere that it is absent",
    async run(setting) {
      await using session = await unlock(setting);
      const { publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const der = sampleCertificate(publicKey.export({ type: "spki", format: "der" }));
      await session.importCertificate({ der, keyId: freshKeyId(), label: "another's" });
      const found = (await read(session)).find((each) => equal(each.der, der));
      assert.equal(found?.privateKey, "absent");
    },
  },
  {
    name: "keeps a label that is not ASCII",
    async run(setting) {
      await using session = await unlock(setting);
      const { keyId } = setting.credential;
      const { spki } = (await session.findKeyPair({ keyId })) ?? assert.fail("no key pair");
      const der = sampleCertificate(spki);
      await session.importCertificate({ der, keyId, label: "张三 的证书" });
      assertStands(await read(session), der, keyId, "张三 的证书");
    },
  },
  {
    name: "removes one certificate of two under the same CKA_ID, and takes it calmly when it is gone",
    async run(setting) {
      await using session = await unlock(setting);
      const { keyId, certificate, label } = setting.credential;
      const { spki } = (await session.findKeyPair({ keyId })) ?? assert.fail("no key pair");
      const der = sampleCertificate(spki);
      await session.importCertificate({ der, keyId, label: "second" });
      const sha256 = createHash("sha256").update(der).digest("hex");
      await session.destroy({ kind: "certificate", keyId, sha256 });
      await session.destroy({ kind: "certificate", keyId, sha256 });
      const left = await read(session);
      assert.equal(left.length, 1);
      assertStands(left, certificate, keyId, label);
      assert.ok((await session.findKeyPair({ keyId })) !== undefined, "the key stays");
    },
  },
];

async function read(session: Session): Promise<readonly TokenCertificate[]> {
  const { certificates, unreadableObjects } = await session.certificates();
  assert.equal(unreadableObjects, 0);
  return certificates;
}

function assertStands(
  certificates: readonly TokenCertificate[],
  der: Uint8Array,
  keyId: Uint8Array,
  label: string,
): void {
  const found = certificates.filter((each) => equal(each.der, der));
  assert.equal(found.length, 1, "the certificate stands there once");
  assertBytes(found[0]?.keyId ?? new Uint8Array(), keyId, "under its CKA_ID");
  assert.equal(found[0]?.label, label);
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.from(one).equals(other);
}
