import { describe, expect, it } from "vitest";
import { signatureIdentifier } from "../../../src/core/pki/algorithms.js";
import {
  context,
  encode,
  encodeBits,
  encodeNull,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUnsigned,
  TAG,
} from "../../../src/core/pki/der.js";
import { DerError } from "../../../src/core/pki/der-error.js";
import { createRequest, parseRequest } from "../../../src/core/pki/request.js";
import { commonName, keyUsage, softwareKey } from "../../support/certificates.js";

const signer = softwareKey();
const subjectDer = commonName("张三");

describe("createRequest", () => {
  it("makes what parseRequest reads, with a valid signature", async () => {
    const { oid, value } = keyUsage(0);
    const der = await createRequest({
      subjectDer,
      signer,
      extensions: [{ oid, critical: true, value }],
    });
    expect(parseRequest(der)).toEqual({
      subject: "CN=张三",
      subjectDer,
      spki: signer.spki,
      keyAlgorithm: "ec-p256",
      extensions: new Map([[oid, { critical: true, value }]]),
      signatureValid: true,
    });
  });

  it("asks the signer once, for the algorithm wished for or its own first one", async () => {
    const rsa = softwareKey("rsa-2048");
    const asked: string[] = [];
    const recording = {
      ...rsa,
      sign: (message: Uint8Array, algorithm: (typeof rsa.algorithms)[number]) => {
        asked.push(algorithm);
        return rsa.sign(message, algorithm);
      },
    };
    await createRequest({ subjectDer, signer: recording });
    await createRequest({ subjectDer, signer: recording, algorithm: "sha512WithRSAEncryption" });
    expect(asked).toEqual(["sha256WithRSAEncryption", "sha512WithRSAEncryption"]);
  });

  it("refuses an algorithm that is not the key's, and a subject that is no Name", async () => {
    await expect(
      createRequest({ subjectDer, signer, algorithm: "sha256WithRSAEncryption" }),
    ).rejects.toThrow("a key of type ec-p256 cannot sign with sha256WithRSAEncryption");
    await expect(
      createRequest({ subjectDer, signer: { ...signer, algorithms: [] } }),
    ).rejects.toThrow("cannot sign with nothing");
    await expect(createRequest({ subjectDer: encodeNull(), signer })).rejects.toThrow(DerError);
  });

  it("refuses a signature that another key made", async () => {
    const other = softwareKey();
    await expect(
      createRequest({ subjectDer, signer: { ...signer, sign: other.sign } }),
    ).rejects.toThrow("the signer returned a signature that its public key does not verify");
  });

  it("passes on what the signer throws", async () => {
    const failure = new Error("the token is gone");
    const sign = () => Promise.reject(failure);
    await expect(createRequest({ subjectDer, signer: { ...signer, sign } })).rejects.toBe(failure);
  });
});

describe("parseRequest", () => {
  const request = async (options: {
    version?: number;
    attributes?: Uint8Array[];
    signature?: Uint8Array;
  }) => {
    const { version = 0, attributes = [], signature } = options;
    const info = encodeSequence(
      encodeUnsigned(Uint8Array.of(version)),
      subjectDer,
      signer.spki,
      encode(context(0), ...attributes),
    );
    const made = signature ?? (await signer.sign(info, "ecdsa-with-SHA256"));
    return encodeSequence(info, signatureIdentifier("ecdsa-with-SHA256"), encodeBits(made));
  };
  const attribute = (oid: string, ...values: Uint8Array[]) =>
    encodeSequence(encodeOid(oid), encodeSetOf(values));

  it("says so when the signature is not valid", async () => {
    const wrong = await signer.sign(subjectDer, "ecdsa-with-SHA256");
    expect(parseRequest(await request({ signature: wrong })).signatureValid).toBe(false);
    expect(parseRequest(await request({ signature: new Uint8Array() })).signatureValid).toBe(false);
    expect(parseRequest(await request({})).signatureValid).toBe(true);
  });

  it("skips attributes that it does not know", async () => {
    const challengePassword = attribute(
      "1.2.840.113549.1.9.7",
      encode(TAG.utf8String, Uint8Array.of(0x61)),
    );
    const { extensions, signatureValid } = parseRequest(
      await request({ attributes: [challengePassword] }),
    );
    expect(extensions.size).toBe(0);
    expect(signatureValid).toBe(true);
  });

  it("refuses two extension requests, another version, and more than 64 KiB", async () => {
    const { oid, value } = keyUsage(0);
    const extension = encodeSequence(encodeOid(oid), encode(TAG.octetString, value));
    const wanted = attribute("1.2.840.113549.1.9.14", encodeSequence(extension));
    await expect(request({ attributes: [wanted, wanted] }).then(parseRequest)).rejects.toThrow(
      "two extension requests",
    );
    await expect(request({ version: 1 }).then(parseRequest)).rejects.toThrow(
      "of an unknown version",
    );
    expect(() => parseRequest(new Uint8Array(70_000))).toThrow("of more than 64 KiB");
  });
});
