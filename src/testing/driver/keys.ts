import assert from "node:assert/strict";
import { constants, verify, X509Certificate } from "node:crypto";
import type { SignatureAlgorithm } from "../../core/domain/key-algorithm.js";
import type { KeyPair, KeyReference, Session } from "../../core/ports/driver.js";
import type { DriverCase } from "../driver-contract.js";
import { assertBytes, freshKeyId, publicKeyOf, rejectsWith, unlock } from "./support.js";

const message = new TextEncoder().encode("what is signed, longer than any hash, ".repeat(8));

/** Key pairs: made, found, signed with, removed. Every signature is checked by Node's own crypto. */
export const keyCases: readonly DriverCase[] = [
  {
    name: "signs with the key of the certificate",
    async run(setting) {
      const { certificate, keyId } = setting.credential;
      await using session = await unlock(setting);
      const spki = new X509Certificate(certificate).publicKey.export({
        type: "spki",
        format: "der",
      });
      await assertSigns(session, { keyId }, new Uint8Array(spki));
    },
  },
  {
    name: "makes every kind of key pair that the token offers, finds it again and signs with it",
    async run(setting) {
      await using session = await unlock(setting);
      // 4096 bits take many seconds on a card and show nothing that 3072 do not.
      for (const algorithm of session.token.keyAlgorithms.filter((each) => each !== "rsa-4096")) {
        const keyId = freshKeyId();
        const made = await session.generateKeyPair({ algorithm, keyId, label: algorithm });
        assert.equal(made.algorithm, algorithm);
        assertBytes(made.keyId, keyId, "the CKA_ID asked for");
        assertKind(made);
        assertSameKey(await session.findKeyPair({ keyId }), made);
        await assertSigns(session, { keyId }, made.spki);
      }
    },
  },
  {
    name: "keeps a key pair beyond the session",
    async run(setting) {
      const keyId = freshKeyId();
      const first = await unlock(setting);
      const made = await first.generateKeyPair({ algorithm: "ec-p256", keyId, label: "kept" });
      await first.close();
      await using second = await unlock(setting);
      assertSameKey(await second.findKeyPair({ keyId }), made);
      await assertSigns(second, { keyId }, made.spki);
    },
  },
  {
    name: "finds a key pair by its public key, and none where ID or key do not fit",
    async run(setting) {
      await using session = await unlock(setting);
      const keyId = freshKeyId();
      const made = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "found" });
      const other = await session.generateKeyPair({
        algorithm: "ec-p256",
        keyId: freshKeyId(),
        label: "other",
      });
      const empty = new Uint8Array();
      assertSameKey(await session.findKeyPair({ keyId: empty, spki: made.spki }), made);
      assertSameKey(await session.findKeyPair({ keyId, spki: made.spki }), made);
      assert.equal(await session.findKeyPair({ keyId, spki: other.spki }), undefined);
      assert.equal(await session.findKeyPair({ keyId: freshKeyId() }), undefined);
      await assertSigns(session, { keyId: empty, spki: made.spki }, made.spki);
    },
  },
  {
    name: "tells apart two key pairs under one CKA_ID by their public keys",
    async run(setting) {
      await using session = await unlock(setting);
      const keyId = freshKeyId();
      const one = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "one" });
      const two = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "two" });
      assertSameKey(await session.findKeyPair({ keyId, spki: one.spki }), one);
      assertSameKey(await session.findKeyPair({ keyId, spki: two.spki }), two);
      await assertSigns(session, { keyId, spki: one.spki }, one.spki);
      await assertSigns(session, { keyId, spki: two.spki }, two.spki);
    },
  },
  {
    name: "says that a key is not there",
    async run(setting) {
      await using session = await unlock(setting);
      await rejectsWith(
        "ERR_KEY_NOT_FOUND",
        session.sign({
          key: { keyId: freshKeyId() },
          algorithm: firstAlgorithm(session, "ecdsa"),
          message,
        }),
      );
    },
  },
  {
    name: "says that key and signature algorithm do not go together",
    async run(setting) {
      await using session = await unlock(setting);
      const keyId = freshKeyId();
      await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "elliptic" });
      await rejectsWith(
        "ERR_ALGORITHM_UNSUPPORTED",
        session.sign({ key: { keyId }, algorithm: "sha256WithRSAEncryption", message }),
      );
    },
  },
  {
    name: "answers calls made at the same time one after the other",
    async run(setting) {
      const { keyId } = setting.credential;
      await using session = await unlock(setting);
      const made = freshKeyId();
      const [pair, contents, found, seen] = await Promise.all([
        session.generateKeyPair({ algorithm: "ec-p256", keyId: made, label: "in order" }),
        session.certificates(),
        session.findKeyPair({ keyId: made }),
        session.findKeyPair({ keyId }),
      ]);
      assert.equal(contents.certificates.length, 1);
      assertSameKey(found, pair);
      assert.ok(seen !== undefined);
    },
  },
  {
    name: "leaves the event loop free while the token works",
    async run(setting) {
      await using session = await unlock(setting);
      const algorithm = session.token.keyAlgorithms.find((each) => each.startsWith("rsa-"));
      let turns = 0;
      let done = false;
      const spin = () => {
        turns += 1;
        if (!done) setImmediate(spin);
      };
      setImmediate(spin);
      const began = performance.now();
      await session.generateKeyPair({
        algorithm: algorithm ?? "ec-p256",
        keyId: freshKeyId(),
        label: "meanwhile",
      });
      done = true;
      // What a quick token makes in an instant holds nobody up.
      const isInstant = performance.now() - began < 50;
      assert.ok(turns > 10 || isInstant, `the event loop turned ${turns} times`);
    },
  },
  {
    name: "ends the session when a call in it is aborted, and the token can be unlocked again",
    async run(setting) {
      const controller = new AbortController();
      const session = await unlock(setting);
      const generating = session.generateKeyPair({
        algorithm: session.token.keyAlgorithms[0] ?? "ec-p256",
        keyId: freshKeyId(),
        label: "aborted",
        signal: controller.signal,
      });
      controller.abort();
      await rejectsWith("ERR_ABORTED", generating);
      await session.close();
      await using again = await unlock(setting);
      const { keyId } = setting.credential;
      assert.ok((await again.findKeyPair({ keyId })) !== undefined, "the old key is untouched");
    },
  },
  {
    name: "removes a key pair, and takes it calmly when it is gone already",
    async run(setting) {
      await using session = await unlock(setting);
      const keyId = freshKeyId();
      await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "passing" });
      await session.destroy({ kind: "key-pair", keyId });
      assert.equal(await session.findKeyPair({ keyId }), undefined);
      await session.destroy({ kind: "key-pair", keyId });
      const { keyId: kept } = setting.credential;
      assert.ok((await session.findKeyPair({ keyId: kept })) !== undefined);
    },
  },
  {
    name: "removes one of two key pairs under one CKA_ID by its public key, and leaves the other",
    async run(setting) {
      await using session = await unlock(setting);
      const keyId = freshKeyId();
      const one = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "one" });
      const two = await session.generateKeyPair({ algorithm: "ec-p256", keyId, label: "two" });
      // The second time there is nothing left of it.
      for (const _ of [1, 2]) {
        await session.destroy({ kind: "key-pair", keyId, spki: one.spki });
        assert.equal(await session.findKeyPair({ keyId, spki: one.spki }), undefined);
        assertSameKey(await session.findKeyPair({ keyId, spki: two.spki }), two);
        await assertSigns(session, { keyId, spki: two.spki }, two.spki);
      }
    },
  },
];

function firstAlgorithm(session: Session, kind: "ecdsa" | "RSA"): SignatureAlgorithm {
  const algorithm = session.token.signatureAlgorithms.find((each) => each.includes(kind));
  return algorithm ?? session.token.signatureAlgorithms[0] ?? "sha256WithRSAEncryption";
}

/** Signs with every algorithm of the token that fits the key; Node's crypto must accept each signature. */
async function assertSigns(
  session: Session,
  reference: KeyReference,
  spki: Uint8Array,
): Promise<void> {
  const publicKey = publicKeyOf(spki);
  const details = publicKey.asymmetricKeyDetails?.namedCurve;
  const fitting = session.token.signatureAlgorithms.filter((algorithm) =>
    publicKey.asymmetricKeyType === "rsa"
      ? algorithm.endsWith("WithRSAEncryption") || isPss(algorithm)
      : algorithm === (details === "secp384r1" ? "ecdsa-with-SHA384" : "ecdsa-with-SHA256"),
  );
  assert.ok(fitting.length > 0, "the token signs with the keys it has");
  for (const algorithm of fitting) {
    const signature = await session.sign({ key: reference, algorithm, message });
    const hash = /sha\d{3}/i.exec(algorithm)?.[0].toLowerCase() ?? "sha256";
    const key = isPss(algorithm) ? { key: publicKey, ...PSS } : publicKey;
    assert.ok(verify(hash, message, key, signature), `${algorithm} verifies`);
  }
}

/** RFC 4055 §3.1, with a salt as long as the hash. */
const PSS = {
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
};

function isPss(algorithm: SignatureAlgorithm): boolean {
  return algorithm.startsWith("RSASSA-PSS-");
}

function assertSameKey(found: KeyPair | undefined, expected: KeyPair): void {
  assert.ok(found !== undefined, "the key pair is found");
  assertBytes(found.spki, expected.spki, "its public key");
  assertBytes(found.keyId, expected.keyId, "its CKA_ID");
  assert.equal(found.algorithm, expected.algorithm);
}

function assertKind({ algorithm, spki }: KeyPair): void {
  const key = publicKeyOf(spki);
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const curves: Record<string, string> = { prime256v1: "ec-p256", secp384r1: "ec-p384" };
  const kind = modulusLength === undefined ? curves[namedCurve ?? ""] : `rsa-${modulusLength}`;
  assert.equal(kind, algorithm);
}
