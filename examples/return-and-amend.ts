/**
 * The RA returns an application twice: once for a wrong field and a missing document, once for a scan that nobody can read.
 * `npm run example return-and-amend`.
 */
import type { ActionRequired, InProgress, Renewal } from "certrenew";
import { example } from "./support/example.js";
import { form } from "./support/holder.js";
import { tokenAccess } from "./support/token.js";
import { openWorld } from "./support/world.js";

const LICENCE = "business-licence";

example(async (terminal) => {
  const world = await openWorld({
    name: "return-and-amend",
    policy: {
      // The reviewer decides below; payment is not what this is about.
      ...{ reviewDelayMs: null, payment: "none" },
      attachments: [
        {
          purpose: LICENCE,
          title: "营业执照扫描件",
          required: false,
          mediaTypes: ["application/pdf"],
          maxBytes: 1024 * 1024,
        },
      ],
    },
  });
  const { admin } = world.sandbox;
  const client = world.createClient();
  const stop = terminal.follow(client);
  try {
    const [credential] = (await client.credentials()).filter((each) => each.eligibility.renewable);
    if (!credential) throw new Error("nothing to renew");
    const draft = await client.start(credential);
    const applied = await draft.submit({
      accept: draft.offer.agreement,
      years: 1,
      form: { ...form, mobile: "13900139000" },
      acknowledge: await terminal.acknowledge(draft.guards),
    });
    const { id: renewalId } = applied;

    // 1. A field is wrong and a document is missing: one amendment corrects both. What it does not name stays as it was.
    const returned = await returnedBy(applied, [
      { pointer: "/mobile", text: "手机号码与单位登记的不一致" },
      { pointer: `/attachments/${LICENCE}`, text: "请补充营业执照扫描件" },
    ]);
    const amended = await returned.amend({
      form: { mobile: form["mobile"] ?? "" },
      attachments: [pdf("scan, first page")],
    });

    // 2. The document cannot be read: another one takes its place.
    const again = await returnedBy(amended, [
      { pointer: `/attachments/${LICENCE}`, text: "扫描件不清晰" },
    ]);
    const attached = await again.attach({ attachments: [pdf("scan, both pages")] });

    await admin.approve({ renewalId });
    const approved = attached.state === "awaiting-review" ? await attached.wait() : attached;
    if (approved.state !== "ready-to-install") throw new Error(`unexpectedly ${approved.state}`);
    const acknowledge = await terminal.acknowledge(approved.guards);
    const completed = await approved.install({ acknowledge });
    const { previous, renewed } = completed.report;
    const atTheRa = await admin.application({ renewalId });
    const { revision } = atTheRa.progress.application;
    terminal.end({
      en: `Installed, after ${revision} signed revisions of one application.`,
      zh: `新证书已安装;同一份申请共签署 ${revision} 版。`,
    });
    return {
      driver: world.driverName,
      state: completed.state,
      revision,
      mobile: `${atTheRa.form["mobile"]}`,
      attachments: (await admin.attachments({ renewalId })).map((each) => ({ ...each })),
      evidence: (await client.evidence(renewalId)).manifest.files.map(({ name }) => name),
      previous: { keyId: previous.keyId, notAfter: previous.notAfter.toISOString() },
      renewed: { keyId: renewed.keyId, notAfter: renewed.notAfter.toISOString() },
      ...tokenAccess(world),
    };
  } finally {
    stop();
    await client.close();
    await world.close();
  }

  /** The reviewer says what is wrong, and the holder looks. */
  async function returnedBy(
    renewal: InProgress,
    reasons: ActionRequired["reasons"],
  ): Promise<ActionRequired> {
    await admin.returnForCorrection({ renewalId: renewal.id, reasons });
    const now: Renewal = renewal.state === "awaiting-review" ? await renewal.wait() : renewal;
    if (now.state !== "action-required") throw new Error(`unexpectedly ${now.state}`);
    terminal.reasons(now);
    return now;
  }
});

/** A scan of the licence; any bytes will do here. */
function pdf(content: string) {
  const bytes = new TextEncoder().encode(`%PDF-1.4\n% ${content}\n`);
  return { purpose: LICENCE, mediaType: "application/pdf", content: bytes };
}
