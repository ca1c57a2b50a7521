import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { WantedAttachment } from "../../core/domain/offer.js";
import { sha256Hex } from "../../core/pki/certificate.js";
import type { AttachmentDocument } from "../../core/ports/transport.js";
import { rejectsWith } from "../contract.js";
import type { TransportCase } from "../transport-contract.js";
import { facet, prepareApplication, requestFor, saved, withRemote } from "./support.js";

const LICENCE: WantedAttachment = {
  purpose: "licence",
  title: "营业执照",
  required: true,
  mediaTypes: ["application/pdf"],
  maxBytes: 1000,
};
const wanted = { attachments: [LICENCE] };

/** Documents: uploaded by their hash, named by the application. */
export const attachmentCases: readonly TransportCase[] = [
  {
    name: "takes an application with a document that was uploaded, however often",
    wanted,
    async run(setting) {
      const document = documentOf("%PDF a licence");
      const { reference, exchange, offer } = await prepareApplication(setting, {
        attachments: [referenceOf(document)],
      });
      assert.deepEqual(offer.attachments, [LICENCE]);
      await facet(setting, "upload")(reference, document);
      await facet(setting, "upload")(reference, document);
      const { progress } = await setting.transport.send(exchange, reference);
      assert.equal(progress.application.status, "received");
    },
  },
  {
    name: "names the document that is missing, and the one that was not uploaded",
    wanted,
    async run(setting) {
      const named = { attachments: [referenceOf(documentOf("never sent"))] };
      for (const changes of [{}, named]) {
        const { exchange, reference } = await prepareApplication(setting, changes);
        const sending = setting.transport.send(exchange, reference);
        const { problems } = await rejectsWith("ERR_ATTACHMENT_INVALID", sending);
        assert.deepEqual(
          problems.map(({ pointer }) => pointer),
          ["/attachments/licence"],
        );
      }
    },
  },
  {
    name: "refuses a document that is not the one its hash names",
    wanted,
    async run(setting) {
      const { reference } = await prepareApplication(setting);
      const content = new TextEncoder().encode("forged");
      const forged = { ...documentOf("licens"), content };
      const uploading = facet(setting, "upload")(reference, forged);
      await rejectsWith("ERR_ATTACHMENT_INVALID", uploading);
    },
  },
  {
    name: "takes another document with the amendment",
    wanted,
    async run(setting) {
      const { transport, previous, desk } = setting;
      const first = documentOf("%PDF the first");
      const second = documentOf("%PDF the second");
      const { reference, exchange, content, requested } = await prepareApplication(setting, {
        attachments: [referenceOf(first)],
      });
      await facet(setting, "upload")(reference, first);
      await transport.send(exchange, reference);
      await desk.returnForCorrection(reference.renewalId, "请重新上传");
      const returned = await transport.progress(reference);
      await facet(setting, "upload")(reference, second);
      const amended = {
        ...content,
        revision: 2,
        idempotencyKey: randomUUID(),
        nonce: randomUUID(),
        request: await requestFor(setting, requested),
        attachments: [referenceOf(second)],
      };
      const amendment = saved(await transport.prepare(amended, { previous, requested }));
      const { progress } = await transport.send(amendment, withRemote(reference, returned));
      assert.equal(progress.application.status, "received");
      assert.equal(progress.application.revision, 2);
    },
  },
];

function documentOf(text: string): AttachmentDocument {
  const content = new TextEncoder().encode(text);
  const mediaType = "application/pdf";
  return {
    purpose: "licence",
    content,
    mediaType,
    sha256: sha256Hex(content),
    size: content.length,
  };
}

const referenceOf = ({ content: _, ...reference }: AttachmentDocument) => reference;
