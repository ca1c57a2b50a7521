import type {
  ActionRequired,
  AwaitingPayment,
  AwaitingReview,
  BankTransfer,
  Closed,
  CloseReason,
  Completed,
  Confirming,
  Draft,
  Installing,
  InstallOptions,
  OnlinePayment,
  ReadyToInstall,
  Renewal,
  RenewalReport,
  State,
  StepName,
  SubmitOptions,
  Submitted,
  Submitting,
} from "certrenew";
import { describe, expectTypeOf, test } from "vitest";

// The steps of DESIGN.md's table, and that all others do not compile: each state × each step.

type StateOf<S extends State> = Extract<Renewal, { state: S }>;
type StepsOf<S extends State> = Extract<keyof StateOf<S>, StepName>;

declare const submitOptions: SubmitOptions;
declare const transfer: BankTransfer;
declare const payment: OnlinePayment;

describe("the legal steps, and no others", () => {
  test("draft", () => {
    expectTypeOf<StepsOf<"draft">>().toEqualTypeOf<"submit" | "refresh" | "discard">();
  });

  test("submitting", () => {
    expectTypeOf<StepsOf<"submitting">>().toEqualTypeOf<"continue">();
  });

  test("awaiting-payment", () => {
    expectTypeOf<StepsOf<"awaiting-payment">>().toEqualTypeOf<
      "refresh" | "payByBankTransfer" | "payOnline" | "wait" | "cancel"
    >();
  });

  test("awaiting-review", () => {
    expectTypeOf<StepsOf<"awaiting-review">>().toEqualTypeOf<"refresh" | "wait" | "cancel">();
  });

  test("action-required", () => {
    expectTypeOf<StepsOf<"action-required">>().toEqualTypeOf<
      "refresh" | "payByBankTransfer" | "payOnline" | "amend" | "attach" | "cancel"
    >();
  });

  test("ready-to-install", () => {
    expectTypeOf<StepsOf<"ready-to-install">>().toEqualTypeOf<
      "cancel" | "install" | "requestReissue"
    >();
  });

  test("installing", () => {
    expectTypeOf<StepsOf<"installing">>().toEqualTypeOf<"continue" | "requestReissue">();
  });

  test("confirming", () => {
    expectTypeOf<StepsOf<"confirming">>().toEqualTypeOf<"continue">();
  });

  test("completed", () => {
    expectTypeOf<StepsOf<"completed">>().toEqualTypeOf<"retirePrevious" | "refresh" | "rebind">();
  });

  test("closed", () => {
    expectTypeOf<StepsOf<"closed">>().toEqualTypeOf<"refresh">();
  });
});

describe("an illegal step does not compile", () => {
  test("draft", async () => {
    const renewal = {} as StateOf<"draft">;
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error there is no order
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error
    await renewal.cancel();
    // @ts-expect-error nothing was applied for
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("submitting", async () => {
    const renewal = {} as StateOf<"submitting">;
    // @ts-expect-error never a second application
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.refresh();
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error whether there is anything to cancel is not known
    await renewal.cancel();
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("awaiting-payment", async () => {
    const renewal = {} as StateOf<"awaiting-payment">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error nothing was issued
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("awaiting-review", async () => {
    const renewal = {} as StateOf<"awaiting-review">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error nothing is left to pay
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("action-required", async () => {
    const renewal = {} as StateOf<"action-required">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error the RA waits for the applicant
    await renewal.wait();
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("ready-to-install", async () => {
    const renewal = {} as StateOf<"ready-to-install">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.refresh();
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("installing", async () => {
    const renewal = {} as StateOf<"installing">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.refresh();
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error writing has begun
    await renewal.cancel();
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("confirming", async () => {
    const renewal = {} as StateOf<"confirming">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.refresh();
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error the new pair is proven
    await renewal.cancel();
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });

  test("completed", async () => {
    const renewal = {} as StateOf<"completed">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error
    await renewal.cancel();
    // @ts-expect-error nothing is installed twice
    await renewal.install();
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
  });

  test("closed", async () => {
    const renewal = {} as StateOf<"closed">;
    // @ts-expect-error
    await renewal.submit(submitOptions);
    // @ts-expect-error
    await renewal.discard();
    // @ts-expect-error
    await renewal.continue();
    // @ts-expect-error
    await renewal.payByBankTransfer(transfer);
    // @ts-expect-error
    await renewal.wait();
    // @ts-expect-error
    await renewal.cancel();
    // @ts-expect-error
    await renewal.install();
    // @ts-expect-error
    await renewal.retirePrevious({ remove: ["certificate"] });
    // @ts-expect-error
    await renewal.payOnline(payment);
    // @ts-expect-error
    await renewal.amend({ form: {} });
    // @ts-expect-error
    await renewal.attach({ attachments: [] });
    // @ts-expect-error
    await renewal.requestReissue({ reason: "key-lost" });
    // @ts-expect-error
    await renewal.rebind();
  });
});

describe("before the state is known", () => {
  test("no step is there, since none is legal in every state", () => {
    const renewal = {} as Renewal;
    expectTypeOf<Extract<keyof Renewal, StepName>>().toBeNever();
    // @ts-expect-error
    void renewal.cancel;
    // @ts-expect-error
    void renewal.report;
    expectTypeOf(renewal.id).toBeString();
    expectTypeOf(renewal.previous.notAfter).toEqualTypeOf<Date>();
  });

  test("`state` tells which one it is", () => {
    const renewal = {} as Renewal;
    switch (renewal.state) {
      case "draft":
        return expectTypeOf(renewal).toEqualTypeOf<Draft>();
      case "submitting":
        return expectTypeOf(renewal).toEqualTypeOf<Submitting>();
      case "awaiting-payment":
        return expectTypeOf(renewal).toEqualTypeOf<AwaitingPayment>();
      case "awaiting-review":
        return expectTypeOf(renewal).toEqualTypeOf<AwaitingReview>();
      case "action-required":
        return expectTypeOf(renewal).toEqualTypeOf<ActionRequired>();
      case "ready-to-install":
        return expectTypeOf(renewal).toEqualTypeOf<ReadyToInstall>();
      case "installing":
        return expectTypeOf(renewal).toEqualTypeOf<Installing>();
      case "confirming":
        return expectTypeOf(renewal).toEqualTypeOf<Confirming>();
      case "completed":
        expectTypeOf(renewal.report).toEqualTypeOf<RenewalReport>();
        return expectTypeOf(renewal).toEqualTypeOf<Completed>();
      case "closed":
        expectTypeOf(renewal.reason).toEqualTypeOf<CloseReason>();
        return expectTypeOf(renewal).toEqualTypeOf<Closed>();
      default:
        return expectTypeOf(renewal).toBeNever();
    }
  });
});

describe("what a step leads to", () => {
  test("is only what the table has", () => {
    expectTypeOf<Draft["submit"]>().returns.resolves.toEqualTypeOf<Submitted>();
    expectTypeOf<Submitted["state"]>().toEqualTypeOf<
      "awaiting-payment" | "awaiting-review" | "ready-to-install"
    >();
    expectTypeOf<Draft["discard"]>().returns.resolves.toEqualTypeOf<Closed>();
    expectTypeOf<ReadyToInstall["cancel"]>().returns.resolves.toEqualTypeOf<Closed>();
    expectTypeOf<ReadyToInstall["install"]>().returns.resolves.toEqualTypeOf<Completed>();
    expectTypeOf<Installing["continue"]>().returns.resolves.toEqualTypeOf<Completed>();
    expectTypeOf<Confirming["continue"]>().returns.resolves.toEqualTypeOf<Completed>();
    expectTypeOf<Awaited<ReturnType<AwaitingReview["wait"]>>["state"]>().toEqualTypeOf<
      | Submitted["state"]
      | "action-required"
      | "closed"
      // Where another program noticed first, and went on.
      | "installing"
      | "confirming"
      | "completed"
    >();
  });

  test("can be gone on with as DESIGN.md's example does", async () => {
    let renewal = {} as Renewal;
    if (renewal.state === "awaiting-review") renewal = await renewal.wait();
    if (renewal.state === "ready-to-install") renewal = await renewal.install();
    if (renewal.state === "completed") expectTypeOf(renewal.report).toEqualTypeOf<RenewalReport>();
  });

  test("must be looked at before the next step", async () => {
    const submitted = await ({} as Draft).submit(submitOptions);
    // @ts-expect-error it may not be ready
    await submitted.install();
    // @ts-expect-error it may be ready already
    await submitted.wait();
    expectTypeOf(submitted.cancel).toBeFunction();
  });
});

describe("what a step is given", () => {
  test("`submit` needs the agreement and the years", () => {
    expectTypeOf<{ accept: Draft["offer"]["agreement"]; years: 1 }>().toExtend<SubmitOptions>();
    expectTypeOf<{ years: 1 }>().not.toExtend<SubmitOptions>();
    expectTypeOf<{ accept: Draft["offer"]["agreement"] }>().not.toExtend<SubmitOptions>();
    expectTypeOf<Draft["submit"]>().parameters.toEqualTypeOf<[options: SubmitOptions]>();
  });

  test("`install` and `continue` need nothing", () => {
    expectTypeOf<ReadyToInstall["install"]>().toBeCallableWith();
    expectTypeOf<Submitting["continue"]>().toBeCallableWith();
    expectTypeOf<Installing["continue"]>().toBeCallableWith();
    expectTypeOf<ReadyToInstall["install"]>()
      .parameter(0)
      .toEqualTypeOf<InstallOptions | undefined>();
  });

  test("`retirePrevious` needs what is to be removed, by name", async () => {
    const completed = {} as Completed;
    // @ts-expect-error nothing is removed by default
    await completed.retirePrevious();
    // @ts-expect-error there is no such thing on a token
    await completed.retirePrevious({ remove: ["everything"] });
    await completed.retirePrevious({ remove: ["certificate", "decryption-key-pair"] });
  });

  test("`retryPin` is never any text", async () => {
    const ready = {} as ReadyToInstall;
    await ready.install({ retryPin: true });
    await ready.install({ retryPin: "final" });
    // @ts-expect-error a PIN is given to the callback only
    await ready.install({ retryPin: "123456" });
    // @ts-expect-error
    await ready.install({ pin: "123456" });
  });
});
