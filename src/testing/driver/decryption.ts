import assert from "node:assert/strict";
import { constants, publicEncrypt, randomBytes } from "node:crypto";
import {
  DECRYPTION_ALGORITHMS,
  type DecryptionAlgorithm,
  type KeyPairUsage,
} from "../../core/domain/key-algorithm.js";
import { errorCode } from "../../core/errors.js";
import { verifySignature } from "../../core/pki/algorithms.js";
import type { DecryptOptions, KeyPair, Session } from "../../core/ports/driver.js";
import type { DriverCase } from "../driver-contract.js";
import { assertBytes, freshKeyId, publicKeyOf, rejectsWith, unlock } from "./support.js";

/** As long as the AES-256 key of an envelope. */
const plaintext = randomBytes(32);

/** What only some drivers do: keys that decrypt. What is decrypted is encrypted by Node's crypto. */
export const decryptionCases: readonly DriverCase[] = [
  {
    name: "decrypts with a key made for encryption, by ID and by public key",
    needs: "decryption",
    async run(setting) {
      await using session = await unlock(setting);
      const { keyId, spki } = await rsaKey(session, "encryption");
      const decrypted: DecryptionAlgorithm[] = [];
      for (const algorithm of DECRYPTION_ALGORITHMS) {
        for (const key of [{ keyId }, { keyId: new Uint8Array(), spki }]) {
          const ciphertext = encrypt(spki, algorithm);
          const result = await decrypt(session, { key, algorithm, ciphertext }).catch(errorCode);
          // Tokens differ in what they know; what they do not know they must say.
          if (result === "ERR_ALGORITHM_UNSUPPORTED") continue;
          assert.ok(result instanceof Uint8Array, `${algorithm}: ${result}`);
          assertBytes(result, plaintext, algorithm);
          decrypted.push(algorithm);
        }
      }
      assert.ok(decrypted.length > 0, "it decrypts with one algorithm at least");
    },
  },
  {
    name: "gives one error, and no cause, for all that is wrong with a ciphertext",
    needs: "decryption",
    async run(setting) {
      await using session = await unlock(setting);
      const { keyId, spki } = await rsaKey(session, "encryption");
      const algorithm = "rsaes-oaep-sha1";
      const whole = encrypt(spki, algorithm);
      const wrong = [
        whole.map((octet, index) => (index === whole.length - 1 ? octet ^ 1 : octet)),
        whole.subarray(1),
        new Uint8Array(),
        new Uint8Array(whole.length),
      ];
      for (const ciphertext of wrong) {
        const error = await rejectsWith(
          "ERR_DECRYPTION_FAILED",
          decrypt(session, { key: { keyId }, algorithm, ciphertext }),
        );
        assert.equal(error.details["ckr"], undefined);
        const cause = error.cause instanceof Error ? error.cause.message : "";
        assert.ok(!cause.includes("CKR_"), "the cause does not tell what was wrong");
      }
      const key = { keyId };
      assertBytes(await decrypt(session, { key, algorithm, ciphertext: whole }), plaintext, "then");
    },
  },
  {
    name: "lets a key that signs not decrypt, and a key that decrypts sign its own request",
    needs: "decryption",
    async run(setting) {
      await using session = await unlock(setting);
      const signing = await rsaKey(session, undefined);
      const encryption = await rsaKey(session, "encryption");
      const algorithm = "rsaes-pkcs1-v1_5";
      const ciphertext = encrypt(signing.spki, algorithm);
      await rejectsWith(
        "ERR_ALGORITHM_UNSUPPORTED",
        decrypt(session, { key: { keyId: signing.keyId }, algorithm, ciphertext }),
      );
      const { signatureAlgorithms } = session.token;
      const signature = signatureAlgorithms.find((each) => !each.startsWith("ecdsa"));
      assert.ok(signature !== undefined, "the token signs with RSA");
      // RFC 2986 §4.2: whoever asks for a certificate signs with its key.
      const { keyId, spki } = encryption;
      const proof = await session.sign({
        key: { keyId },
        algorithm: signature,
        message: plaintext,
      });
      assert.ok(verifySignature(spki, signature, plaintext, proof), `${signature} verifies`);
    },
  },
  {
    name: "says of decryption that a key is not there, or is not RSA",
    needs: "decryption",
    async run(setting) {
      await using session = await unlock(setting);
      const algorithm = "rsaes-pkcs1-v1_5";
      const ciphertext = randomBytes(256);
      await rejectsWith(
        "ERR_KEY_NOT_FOUND",
        decrypt(session, { key: { keyId: freshKeyId() }, algorithm, ciphertext }),
      );
      const elliptic = session.token.keyAlgorithms.find((each) => each.startsWith("ec-"));
      if (elliptic === undefined) return;
      const keyId = freshKeyId();
      const wanted = { algorithm: elliptic, keyId, label: "elliptic" };
      await session.generateKeyPair({ ...wanted, usage: "encryption" });
      await rejectsWith(
        "ERR_ALGORITHM_UNSUPPORTED",
        decrypt(session, { key: { keyId }, algorithm, ciphertext }),
      );
    },
  },
];

function decrypt(session: Session, options: DecryptOptions): Promise<Uint8Array> {
  assert.ok(session.decrypt !== undefined, "the session has decrypt");
  return session.decrypt(options);
}

function rsaKey(session: Session, usage: KeyPairUsage | undefined): Promise<KeyPair> {
  const algorithm = session.token.keyAlgorithms.find((each) => each.startsWith("rsa-"));
  assert.ok(algorithm !== undefined, "the token makes RSA keys");
  const keyId = freshKeyId();
  return session.generateKeyPair({ algorithm, keyId, label: "for decryption", usage });
}

function encrypt(spki: Uint8Array, algorithm: DecryptionAlgorithm): Uint8Array {
  const oaepHash = /^rsaes-oaep-(.*)$/.exec(algorithm)?.[1];
  const padding =
    oaepHash === undefined ? constants.RSA_PKCS1_PADDING : constants.RSA_PKCS1_OAEP_PADDING;
  const key = { key: publicKeyOf(spki), padding, ...(oaepHash !== undefined && { oaepHash }) };
  return new Uint8Array(publicEncrypt(key, plaintext));
}
