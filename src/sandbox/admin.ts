import { z } from "zod";
import type { PaymentReceipt } from "../core/domain/ledger.js";
import { amountSchema, type Money } from "../core/domain/money.js";
import type { Progress } from "../core/domain/progress.js";
import { identifier, sha256Hex, shortText } from "../core/domain/scalars.js";
import { parseCertificate, toPem } from "../core/pki/certificate.js";
import type { AttachmentReference } from "../core/ports/transport.js";
import { problemsOf } from "../core/problems.js";
import { attachmentsOf, readAttachment } from "./attachments.js";
import { advance } from "./calendar.js";
import { type Scenario, type ScenarioStep, scenarioSchema } from "./faults.js";
import { type Dispatch, deliver, issueInvoice, ship } from "./invoices.js";
import { findApplication, type Office } from "./office.js";
import { type GatewayPayment, payOnline } from "./online-payments.js";
import { bookReceipt } from "./payments.js";
import { changePolicy, policySchema, type SandboxPolicy } from "./policy.js";
import { describeProgress } from "./progress.js";
import { Refusal } from "./refusal.js";
import type { LoggedRequest, RequestLog } from "./request-log.js";
import {
  amendmentDeadline,
  approve,
  type Reason,
  refuse,
  returnForCorrection,
  revoke,
} from "./review.js";
import type { Serial } from "./serial.js";
import type { Application } from "./state.js";

/** An application as the RA's back office sees it. */
export interface AdminApplication {
  readonly renewalId: string;
  readonly businessNumber: string;
  readonly certificateSha256: string;
  readonly issuedSha256?: string | undefined;
  readonly form: Readonly<Record<string, unknown>>;
  readonly progress: Progress;
}

/** A certificate that the sandbox issued, to a new customer or by a renewal. */
export interface AdminCertificate {
  readonly sha256: string;
  readonly subject: string;
  readonly serialNumber: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly renewalId?: string | undefined;
  readonly revokedAt?: Date | undefined;
  readonly pem: string;
}

/**
 * The other side of the counter: what the bank, the reviewer and the CA's operator do. Each function takes one object, and
 * is a call of the admin port under its own name.
 */
export interface SandboxAdmin {
  applications(): Promise<readonly AdminApplication[]>;
  application(of: { renewalId: string }): Promise<AdminApplication>;
  certificates(): Promise<readonly AdminCertificate[]>;
  /** Books money that arrived, whether announced or not, too little or too much. */
  bookReceipt(receipt: {
    renewalId: string;
    amount: Money;
    instructionId?: string | undefined;
  }): Promise<PaymentReceipt>;
  /** The announced transfer was not found at the bank. */
  rejectTransfer(transfer: { renewalId: string; instructionId: string }): Promise<void>;
  /** The refund that was due went out. */
  sendRefund(refund: { renewalId: string; refundId: string }): Promise<void>;
  /** The payer pays at the gateway, in time or not, once or often. */
  payOnline(payment: GatewayPayment & { renewalId: string }): Promise<void>;
  /** Issues the invoice that was requested, paid or not. */
  issueInvoice(of: { renewalId: string }): Promise<void>;
  /** Hands a parcel that is being prepared to the courier. */
  ship(parcel: Dispatch & { renewalId: string }): Promise<void>;
  /** The parcel has arrived. */
  deliver(parcel: { renewalId: string; shipmentId: string }): Promise<void>;
  /** What the application names. */
  attachments(of: { renewalId: string }): Promise<readonly AttachmentReference[]>;
  /** One of them with its content; over the admin port, in Base64. */
  attachment(of: {
    renewalId: string;
    purpose: string;
  }): Promise<AttachmentReference & { readonly content: Uint8Array }>;
  approve(of: { renewalId: string }): Promise<void>;
  returnForCorrection(of: { renewalId: string; reasons: readonly Reason[] }): Promise<void>;
  refuse(of: { renewalId: string; reasons: readonly Reason[] }): Promise<void>;
  revoke(certificate: { sha256: string }): Promise<void>;
  /** Replaces the scenario, and counts its calls from now. */
  setScenario(scenario: { steps: readonly ScenarioStep[] }): Promise<void>;
  setPolicy(changes: Partial<SandboxPolicy>): Promise<void>;
  requests(): Promise<readonly LoggedRequest[]>;
}

export interface AdminContext {
  readonly office: Office;
  readonly save: () => void;
  readonly scenario: Scenario;
  readonly log: RequestLog;
  readonly serial: Serial;
}

const none = z.strictObject({});
const renewal = z.strictObject({ renewalId: identifier });
const decision = renewal.extend({
  reasons: z
    .array(z.strictObject({ pointer: shortText.optional(), text: shortText }))
    .min(1)
    .max(100),
});

interface Action {
  readonly input: z.ZodType;
  run(context: AdminContext, input: never): unknown;
}

function action<S extends z.ZodType>(
  input: S,
  run: (context: AdminContext, input: z.output<S>) => unknown,
): Action {
  return { input, run };
}

const ACTIONS: Readonly<Record<keyof SandboxAdmin, Action>> = {
  applications: action(none, ({ office }) =>
    Object.values(office.state.applications).map((application) => summary(office, application)),
  ),
  application: action(renewal, ({ office }, { renewalId }) =>
    summary(office, findApplication(office, renewalId)),
  ),
  certificates: action(none, ({ office }) => certificatesOf(office)),
  bookReceipt: action(
    renewal.extend({ amount: amountSchema, instructionId: identifier.optional() }),
    ({ office }, { renewalId, amount, instructionId }) =>
      bookReceipt(office, findApplication(office, renewalId), amount, instructionId),
  ),
  rejectTransfer: action(
    renewal.extend({ instructionId: identifier }),
    ({ office }, { renewalId, instructionId }) => {
      const { instructions } = findApplication(office, renewalId).ledger;
      find(instructions, instructionId, "declared").status = "rejected";
    },
  ),
  sendRefund: action(
    renewal.extend({ refundId: identifier }),
    ({ office }, { renewalId, refundId }) => {
      const refund = find(findApplication(office, renewalId).ledger.refunds, refundId, "due");
      refund.status = "sent";
      refund.sentAt = office.clock.now();
    },
  ),
  payOnline: action(
    renewal.extend({
      instructionId: identifier.optional(),
      times: z.int().min(1).max(20).optional(),
      callbackId: identifier.optional(),
      delayMs: z.int().min(0).optional(),
    }),
    ({ office }, { renewalId, ...payment }) =>
      payOnline(office, findApplication(office, renewalId), payment),
  ),
  issueInvoice: action(renewal, ({ office }, { renewalId }) => {
    const application = findApplication(office, renewalId);
    if (issueInvoice(office, application, office.clock.now())) return;
    throw new Refusal("ERR_ARGUMENT", "no invoice was requested", { status: 409 });
  }),
  ship: action(
    renewal.extend({
      shipmentId: identifier,
      carrier: shortText.min(1),
      trackingNumber: shortText.min(1),
    }),
    ({ office }, { renewalId, ...parcel }) =>
      ship(office, findApplication(office, renewalId), parcel),
  ),
  deliver: action(
    renewal.extend({ shipmentId: identifier }),
    ({ office }, { renewalId, shipmentId }) =>
      deliver(office, findApplication(office, renewalId), shipmentId),
  ),
  attachments: action(renewal, ({ office }, { renewalId }) =>
    attachmentsOf(findApplication(office, renewalId)),
  ),
  attachment: action(
    renewal.extend({ purpose: identifier }),
    ({ office }, { renewalId, purpose }) =>
      readAttachment(office, findApplication(office, renewalId), purpose),
  ),
  approve: action(renewal, ({ office }, { renewalId }) =>
    approve(office, findApplication(office, renewalId)),
  ),
  returnForCorrection: action(decision, ({ office }, { renewalId, reasons }) =>
    returnForCorrection(
      findApplication(office, renewalId),
      reasons,
      amendmentDeadline(office, office.clock.now()),
    ),
  ),
  refuse: action(decision, ({ office }, { renewalId, reasons }) =>
    refuse(office, findApplication(office, renewalId), reasons),
  ),
  revoke: action(z.strictObject({ sha256: sha256Hex }), ({ office }, { sha256 }) => {
    revoke(office, sha256);
  }),
  setScenario: action(z.strictObject({ steps: scenarioSchema }), ({ scenario }, { steps }) =>
    scenario.set(steps),
  ),
  setPolicy: action(policySchema.partial(), ({ office }, changes) => {
    office.state.policy = changePolicy(office.state.policy, changes as Partial<SandboxPolicy>);
  }),
  requests: action(none, ({ log }) => log.list()),
};

/** Runs an action by its name: first what became due, then the action, then it is saved. @throws Refusal */
export function runAction(context: AdminContext, name: string, input: unknown): Promise<unknown> {
  return context.serial(() => {
    const { office, save } = context;
    const found = Object.hasOwn(ACTIONS, name) ? ACTIONS[name as keyof SandboxAdmin] : undefined;
    if (!found) throw new Refusal("ERR_ARGUMENT", "there is no such action", { status: 404 });
    const parsed = found.input.safeParse(input ?? {});
    if (!parsed.success) {
      const problems = problemsOf(parsed.error);
      throw new Refusal("ERR_ARGUMENT", "the argument is not valid", { problems });
    }
    advance(office);
    const result = found.run(context, parsed.data as never);
    advance(office);
    save();
    return result;
  });
}

export function createAdmin(context: AdminContext): SandboxAdmin {
  const functions = Object.keys(ACTIONS).map((name) => [
    name,
    async (input?: unknown) => {
      try {
        return structuredClone(await runAction(context, name, input));
      } catch (error) {
        throw error instanceof Refusal ? error.toRenewalError() : error;
      }
    },
  ]);
  return Object.fromEntries(functions) as SandboxAdmin;
}

function summary(office: Office, application: Application): AdminApplication {
  const { renewalId, businessNumber, certificateSha256, issuance, statement } = application;
  return {
    renewalId,
    businessNumber,
    certificateSha256,
    issuedSha256: issuance?.certificateSha256,
    form: statement.form,
    progress: describeProgress(office, application),
  };
}

function certificatesOf({ state }: Office): readonly AdminCertificate[] {
  return Object.values(state.certificates).map(({ der, renewalId, revokedAt }) => {
    const { sha256, subject, serialNumber, notBefore, notAfter } = parseCertificate(der);
    const pem = toPem(der, "CERTIFICATE");
    return { sha256, subject, serialNumber, notBefore, notAfter, renewalId, revokedAt, pem };
  });
}

function find<T extends { id: string; status: string }>(
  entries: T[],
  id: string,
  status: T["status"],
): T {
  const entry = entries.find((candidate) => candidate.id === id && candidate.status === status);
  if (entry) return entry;
  throw new Refusal("ERR_ARGUMENT", `there is none with this id that is ${status}`, {
    status: 404,
  });
}
