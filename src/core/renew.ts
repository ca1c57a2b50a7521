import type { RenewalClient } from "./client.js";
import type { Credential } from "./credentials.js";
import { formatMoney } from "./domain/money.js";
import { errorCode, RenewalError } from "./errors.js";
import type {
  ActionRequired,
  AwaitingPayment,
  Closed,
  Completed,
  Draft,
  ReadyToInstall,
  Renewal,
} from "./lifecycle.js";
import type { AmendOptions, BankTransfer, OnlinePayment, SubmitOptions } from "./step-options.js";

/** The decisions of the whole way. Each is asked when it is due; all else is done without asking. */
export interface RenewOptions {
  readonly signal?: AbortSignal | undefined;
  /** What to apply for. `undefined` stops here, with the draft stored. */
  readonly choose: (draft: Draft) => SubmitOptions | undefined | Promise<SubmitOptions | undefined>;
  /**
   * The transfer that was made, or how it is to be paid online: then `showPayment` is called with the open payment. `undefined`
   * stops here; come back with the renewal's id when it was. One that leaves a part of the money open stops here too: it is
   * asked once, and again only when the RA has looked.
   */
  readonly pay?:
    | ((
        renewal: AwaitingPayment | ActionRequired,
      ) => Payment | undefined | Promise<Payment | undefined>)
    | undefined;
  /**
   * Shows the holder where to pay: `payment.online`. `true` waits for the money, for as long as it can be paid there; anything
   * else stops here, and so does the payment of a rest.
   */
  readonly showPayment?:
    | ((renewal: AwaitingPayment | ActionRequired) => boolean | Promise<boolean>)
    | undefined;
  /** What is corrected of an application that was returned: see `reasons`. `undefined` stops here. */
  readonly correct?:
    | ((renewal: ActionRequired) => AmendOptions | undefined | Promise<AmendOptions | undefined>)
    | undefined;
  /** Which guards are acknowledged at installation. Default: none, which is enough where there are none. */
  readonly acknowledge?:
    | ((renewal: ReadyToInstall) => readonly string[] | Promise<readonly string[]>)
    | undefined;
  /** Passed to the steps that unlock; asked of the holder first. */
  readonly retryPin?: boolean | "final" | undefined;
}

/** 银行转账 or 在线支付. */
export type Payment = BankTransfer | OnlinePayment;

/** Where the whole way ends, or stops because a person has to do something. */
export type RenewResult = Completed | Closed | Draft | AwaitingPayment | ActionRequired;

/**
 * Start, submit, pay, wait, install, prove: in whatever state the renewal is, from there to the end.
 * @throws what the steps throw; `error.renewal` is the handle to go on with. ERR_PAYMENT_SHORT when the RA asks for the rest
 *   of the money and `pay` has none, or not all of it.
 */
export async function renewAll(
  client: RenewalClient,
  credential: Credential | { readonly id: string },
  options: RenewOptions,
): Promise<RenewResult> {
  let renewal: Renewal =
    "id" in credential
      ? await client.resume(credential.id)
      : await begin(client, credential, options);
  for (;;) {
    const next = await advance(renewal, options);
    if (!next) return renewal as RenewResult;
    // Only a payment of a part leaves the state as it is. Asked again at once, `pay` would name the same transfer again.
    if (next.state === "action-required" && renewal.state === next.state) {
      if (!next.payment?.online) assertNotShort(next);
      // The money is on its way, and there is something to correct beside.
      if (isShort(renewal) && !isShort(next)) {
        renewal = next;
        continue;
      }
    }
    if (next.state === renewal.state) return next as RenewResult;
    renewal = next;
  }
}

async function begin(
  client: RenewalClient,
  credential: Credential,
  { signal }: RenewOptions,
): Promise<Renewal> {
  try {
    return await client.start(credential, { signal });
  } catch (error) {
    // The renewal of this certificate that is under way is the one that is meant.
    const underWay =
      errorCode(error) === "ERR_RENEWAL_IN_PROGRESS" && (error as RenewalError).renewal;
    if (!underWay) throw error;
    return underWay;
  }
}

/** One step onwards; `undefined` where the way ends or a person is asked for. */
async function advance(renewal: Renewal, options: RenewOptions): Promise<Renewal | undefined> {
  const { signal, retryPin } = options;
  switch (renewal.state) {
    case "draft": {
      const choice = await options.choose(renewal);
      return choice && renewal.submit({ signal, retryPin, ...choice });
    }
    case "submitting":
    case "installing":
    case "confirming":
      return renewal.continue({ signal, retryPin });
    case "awaiting-payment": {
      const payment = await options.pay?.(renewal);
      return payment && pay(renewal, payment, options);
    }
    case "awaiting-review":
      return renewal.wait({ signal, retryPin });
    case "action-required":
      return isShort(renewal) ? payTheRest(renewal, options) : correct(renewal, options);
    case "ready-to-install": {
      const acknowledge = (await options.acknowledge?.(renewal)) ?? [];
      return renewal.install({ signal, retryPin, acknowledge });
    }
    case "completed":
    case "closed":
      return undefined;
  }
}

async function payTheRest(
  renewal: ActionRequired,
  options: RenewOptions,
): Promise<Renewal | undefined> {
  const payment = await options.pay?.(renewal);
  if (payment) return pay(renewal, payment, options);
  assertNotShort(renewal);
  return undefined;
}

async function correct(
  renewal: ActionRequired,
  { correct: ask, signal, retryPin }: RenewOptions,
): Promise<Renewal | undefined> {
  const corrections = await ask?.(renewal);
  return corrections && renewal.amend({ signal, retryPin, ...corrections });
}

/** A transfer is announced; a payment at the gateway is opened, shown, and waited for. */
async function pay(
  renewal: AwaitingPayment | ActionRequired,
  payment: Payment,
  { showPayment, signal, retryPin }: RenewOptions,
): Promise<Renewal> {
  if ("remittances" in payment) return renewal.payByBankTransfer({ signal, ...payment });
  const opened = await renewal.payOnline({ signal, ...payment });
  const { online } = opened.payment ?? {};
  const isOpen = opened.state === "awaiting-payment" || opened.state === "action-required";
  if (!isOpen || !online) return opened;
  const waits = (await showPayment?.(opened)) === true;
  if (!waits || opened.state !== "awaiting-payment") return opened;
  const timeoutMs = Math.max(0, online.expiresAt.getTime() - opened.updatedAt.getTime());
  try {
    return await opened.wait({ signal, retryPin, timeoutMs });
  } catch (error) {
    const left = errorCode(error) === "ERR_TIMEOUT" && (error as RenewalError).renewal;
    // Nobody can pay there any more.
    if (left) return left;
    throw error;
  }
}

function isShort({ payment }: ActionRequired): boolean {
  return payment?.open === true && payment.uncovered.amount > 0;
}

/** @throws ERR_PAYMENT_SHORT */
function assertNotShort(renewal: ActionRequired): void {
  const { payment } = renewal;
  if (!payment || !isShort(renewal)) return;
  throw new RenewalError("ERR_PAYMENT_SHORT", {
    details: { outstanding: formatMoney(payment.uncovered) },
    // Of the key only what is true in either key mode: the handle does not tell which one was chosen.
    impact: { key: "old-usable", money: payment.received.amount > 0 ? "received" : "unpaid" },
    renewal,
  });
}
