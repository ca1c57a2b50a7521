import type {
  ActionRequired,
  AwaitingPayment,
  Closed,
  Completed,
  Credential,
  Draft,
  Driver,
  Renewal,
  RenewalClient,
  RenewResult,
  Store,
  Transport,
} from "certrenew";
import { createRenewalClient, errorCode, RenewalError } from "certrenew";
import { describe, expectTypeOf, test } from "vitest";

declare const client: RenewalClient;
declare const credential: Credential;
declare const driver: Driver;
declare const transport: Transport;
declare const store: Store;

describe("renew", () => {
  test("ends where it is over, or where a person has to do something", async () => {
    const renewal = await client.renew(credential, { choose: () => undefined });
    expectTypeOf(renewal).toEqualTypeOf<RenewResult>();
    switch (renewal.state) {
      case "completed":
        expectTypeOf(renewal).toEqualTypeOf<Completed>();
        return expectTypeOf(renewal.report.renewed.notAfter).toEqualTypeOf<Date>();
      case "closed":
        return expectTypeOf(renewal).toEqualTypeOf<Closed>();
      case "draft":
        return expectTypeOf(renewal).toEqualTypeOf<Draft>();
      case "awaiting-payment":
        return expectTypeOf(renewal).toEqualTypeOf<AwaitingPayment>();
      case "action-required":
        return expectTypeOf(renewal).toEqualTypeOf<ActionRequired>();
      default:
        return expectTypeOf(renewal).toBeNever();
    }
  });

  test("takes a credential or an id, and needs `choose`", async () => {
    await client.renew(
      { id: "renewal-1" },
      {
        choose: (draft) => {
          expectTypeOf(draft).toEqualTypeOf<Draft>();
          return { accept: draft.offer.agreement, years: 1 };
        },
      },
    );
    // @ts-expect-error
    await client.renew(credential, {});
    // @ts-expect-error an id stands in an object, so that it is not taken for a serial number
    await client.renew("renewal-1", { choose: () => undefined });
  });

  test("pays and acknowledges in the states that have it", async () => {
    await client.renew(credential, {
      choose: () => undefined,
      pay: (renewal) => {
        expectTypeOf(renewal).toEqualTypeOf<AwaitingPayment | ActionRequired>();
        return undefined;
      },
      acknowledge: (renewal) => {
        expectTypeOf(renewal.state).toEqualTypeOf<"ready-to-install">();
        return renewal.guards.map(({ id }) => id);
      },
    });
  });
});

describe("the client", () => {
  test("gives renewals whose state is to be looked at", () => {
    expectTypeOf(client.resume).returns.resolves.toEqualTypeOf<Renewal>();
    expectTypeOf(client.start).returns.resolves.toEqualTypeOf<Draft>();
    expectTypeOf(client.progress).returns.resolves.toEqualTypeOf<Renewal | undefined>();
  });

  test("tells each event with its own payload", () => {
    client.on("stage", ({ renewal, stage }) => {
      expectTypeOf(renewal).toEqualTypeOf<Renewal>();
      expectTypeOf(stage).toEqualTypeOf<
        "application" | "payment" | "review" | "installation" | "completed"
      >();
    });
    expectTypeOf(client.on("waiting", ({ delayMs }) => void delayMs)).toEqualTypeOf<() => void>();
    // @ts-expect-error there is no such event
    client.on("pin", () => undefined);
  });

  test("needs driver, transport, store and trust anchors", () => {
    createRenewalClient({ driver, transport, store, trustAnchors: "PEM" });
    createRenewalClient({ driver, transport: () => transport, store, trustAnchors: ["PEM"] });
    // @ts-expect-error nothing is trusted by default
    createRenewalClient({ driver, transport, store });
    // @ts-expect-error
    createRenewalClient({ driver, store, trustAnchors: "PEM" });
    // @ts-expect-error a PIN is never kept: it is asked for
    createRenewalClient({ driver, transport, store, trustAnchors: "PEM", pin: "123456" });
  });
});

describe("an error", () => {
  test("has one of the catalogue's codes, and the handle to go on with", () => {
    const error = new RenewalError("ERR_PIN_INCORRECT");
    expectTypeOf(error.renewal).toEqualTypeOf<Renewal | undefined>();
    expectTypeOf(error.explain().next).toBeString();
    if (errorCode(error) === "ERR_PIN_LOCKED") return;
    // @ts-expect-error it is not in the catalogue
    void (errorCode(error) === "ERR_PIN_WRONG");
    // @ts-expect-error it is not in the catalogue
    void new RenewalError("ERR_PIN_WRONG");
  });
});
