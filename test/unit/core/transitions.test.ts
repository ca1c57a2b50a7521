import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PaymentLedger } from "../../../src/core/domain/ledger.js";
import { uncoveredAmount } from "../../../src/core/domain/ledger.js";
import type { CloseReason, Stage, State, StepName } from "../../../src/core/lifecycle.js";
import type { RenewalRecord } from "../../../src/core/record.js";
import {
  assertTransition,
  closeReason,
  deriveState,
  stageOf,
} from "../../../src/core/transitions.js";
import {
  NOW,
  RECORDS,
  receipt,
  refund,
  sampleLedger,
  sampleRecord,
  transfer,
  yuan,
} from "./samples.js";

const STEPS = [
  "submit",
  "refresh",
  "discard",
  "continue",
  "payByBankTransfer",
  "payOnline",
  "amend",
  "attach",
  "wait",
  "cancel",
  "install",
  "requestReissue",
  "rebind",
  "retirePrevious",
] as const satisfies readonly StepName[];

const CLOSE_REASONS = ["discarded", "cancelled", "refused", "lapsed"] as const;
const ELSEWHERE = sampleRecord({
  application: { status: "approved" },
  issuance: { status: "confirmed" },
});

type Place = keyof typeof RECORDS | CloseReason;

const PLACES: ReadonlyMap<Place, RenewalRecord> = new Map<Place, RenewalRecord>([
  ...(Object.entries(RECORDS) as [keyof typeof RECORDS, RenewalRecord][]),
  ...CLOSE_REASONS.map((status) => [status, sampleRecord({ application: { status } })] as const),
  ["elsewhere", ELSEWHERE],
]);

/** Where the RA can have taken an application by the time it is asked, wherever the asking began. */
const RA_DECIDES = ["refused", "lapsed", "cancelled", "elsewhere"] as const;

/** DESIGN.md's table; a client that looks once a day sees several of its rows at once. */
const MOVES: readonly (readonly [from: Place, by: readonly StepName[], to: readonly Place[]])[] = [
  ["draft", ["submit"], ["submitting"]],
  ["draft", ["discard"], ["discarded"]],
  ["submitting", ["submit"], ["awaiting-payment", "awaiting-review", "ready-to-install", "draft"]],
  [
    "submitting",
    ["continue"],
    [
      "awaiting-payment",
      "awaiting-review",
      "ready-to-install",
      "draft",
      "action-required",
      ...RA_DECIDES,
    ],
  ],
  [
    "awaiting-payment",
    ["refresh", "wait", "payByBankTransfer", "payOnline", "cancel"],
    ["awaiting-review", "ready-to-install", "action-required", ...RA_DECIDES],
  ],
  [
    "awaiting-review",
    ["refresh", "wait", "cancel"],
    ["awaiting-payment", "ready-to-install", "action-required", ...RA_DECIDES],
  ],
  [
    "action-required",
    ["refresh", "payByBankTransfer", "payOnline", "cancel"],
    ["awaiting-payment", "awaiting-review", "ready-to-install", ...RA_DECIDES],
  ],
  ["action-required", ["amend", "attach"], ["submitting"]],
  [
    "submitting",
    ["amend", "attach"],
    ["awaiting-payment", "awaiting-review", "ready-to-install", "draft", "action-required"],
  ],
  ["ready-to-install", ["cancel"], RA_DECIDES],
  ["ready-to-install", ["requestReissue"], ["awaiting-review", ...RA_DECIDES]],
  ["ready-to-install", ["install"], ["installing", ...RA_DECIDES]],
  ["ready-to-install", ["continue"], ["installing", ...RA_DECIDES]],
  ["installing", ["install", "continue"], ["confirming", ...RA_DECIDES]],
  ["installing", ["requestReissue"], ["awaiting-review", "ready-to-install", ...RA_DECIDES]],
  ["confirming", ["install", "continue"], ["completed", ...RA_DECIDES]],
];

describe("the transition table", () => {
  const rows = [...PLACES].flatMap(([from, before]) =>
    STEPS.flatMap((by) => [...PLACES].map(([to, after]) => ({ from, by, to, before, after }))),
  );
  const isMove = ({ from, by, to }: (typeof rows)[number]) =>
    MOVES.some(([start, steps, ends]) => start === from && steps.includes(by) && ends.includes(to));

  it.each(rows.filter(isMove))("$from → $to by $by", ({ before, after, by }) => {
    expect(() => assertTransition(before, after, by)).not.toThrow();
  });

  it.each(STEPS)("%s refuses whatever is not in it", (step) => {
    const others = rows.filter((row) => row.by === step && row.from !== row.to && !isMove(row));
    expect(others.length).toBeGreaterThan(90);
    for (const { before, after, by, from, to } of others) {
      expect(() => assertTransition(before, after, by), `${from} → ${to}`).toThrowError(
        expect.objectContaining({ code: "ERR_TRANSITION" }),
      );
    }
  });

  it("lets a step stay where it is, so that it can save on its way", () => {
    for (const { before, after, by } of rows.filter(({ from, to }) => from === to)) {
      expect(() => assertTransition(before, after, by)).not.toThrow();
    }
  });

  it.each(["install", "continue", "cancel", "requestReissue"] as const)(
    "lets %s go back to the review only where a reissue was asked for",
    (step) => {
      const before = RECORDS["ready-to-install"];
      const keyRequest = {
        reason: "key-lost" as const,
        token: before.token,
        key: { keyId: Uint8Array.of(1), label: "new", algorithm: "ec-p256" as const },
      };
      const asking = { ...before, issuance: { ...before.issuance, keyRequest } };
      for (const place of ["awaiting-review", "action-required"] as const) {
        expect(() => assertTransition(asking, RECORDS[place], step)).not.toThrow();
      }
      expect(() => assertTransition(before, RECORDS["action-required"], step)).toThrowError(
        expect.objectContaining({ code: "ERR_TRANSITION" }),
      );
    },
  );

  it("names what was refused", () => {
    expect(() => assertTransition(RECORDS.installing, RECORDS.draft, "continue")).toThrowError(
      expect.objectContaining({ details: { from: "installing", to: "draft", step: "continue" } }),
    );
    expect(() =>
      assertTransition(
        RECORDS.draft,
        sampleRecord({ application: { status: "refused" } }),
        "submit",
      ),
    ).toThrowError(
      expect.objectContaining({ details: expect.objectContaining({ to: "closed:refused" }) }),
    );
  });
});

describe("the state follows from the facts", () => {
  it.each(Object.entries(RECORDS))("%s", (state, record) => {
    expect(deriveState(record)).toBe(state);
    expect(closeReason(record)).toBeUndefined();
  });

  it.each(CLOSE_REASONS)("closed: %s", (status) => {
    const record = sampleRecord({ application: { status } });
    expect(deriveState(record)).toBe("closed");
    expect(closeReason(record)).toBe(status);
  });

  it("closed: another computer installed and confirmed it", () => {
    expect(deriveState(ELSEWHERE)).toBe("closed");
    expect(closeReason(ELSEWHERE)).toBe("elsewhere");
  });

  it("is not changed by an order that is closed while the token is written to: the pair is what counts", () => {
    const { issuance } = RECORDS.installing;
    for (const status of CLOSE_REASONS) {
      expect(deriveState(sampleRecord({ application: { status }, issuance }))).toBe("installing");
    }
  });

  it("is ready to install as soon as the certificate can be collected, paid or not", () => {
    const payment = sampleLedger();
    expect(deriveState({ ...RECORDS["ready-to-install"], payment })).toBe("ready-to-install");
  });

  it("waits for the certificate after the approval", () => {
    expect(deriveState(sampleRecord({ application: { status: "approved" } }))).toBe(
      "awaiting-review",
    );
  });
});

describe("every situation of the payment", () => {
  const situations: readonly (readonly [string, PaymentLedger | undefined, State])[] = [
    ["no payment is asked", undefined, "awaiting-review"],
    ["unpaid", sampleLedger(), "awaiting-payment"],
    ["payment after the review, not open yet", sampleLedger({ open: false }), "awaiting-review"],
    ["free of charge", sampleLedger({ total: yuan(0) }), "awaiting-review"],
    ["declared in full", sampleLedger({ instructions: [transfer(yuan(200))] }), "awaiting-review"],
    ["declared in part", sampleLedger({ instructions: [transfer(yuan(150))] }), "awaiting-payment"],
    [
      "declared in two parts that cover it",
      sampleLedger({ instructions: [transfer(yuan(150)), transfer(yuan(50))] }),
      "awaiting-review",
    ],
    [
      "received in full",
      sampleLedger({
        instructions: [transfer(yuan(200), "matched")],
        receipts: [receipt(yuan(200))],
      }),
      "awaiting-review",
    ],
    [
      "less was received than was declared",
      sampleLedger({
        instructions: [transfer(yuan(200), "matched")],
        receipts: [receipt(yuan(150))],
      }),
      "action-required",
    ],
    [
      "the rest is declared",
      sampleLedger({
        instructions: [transfer(yuan(200), "matched"), transfer(yuan(50))],
        receipts: [receipt(yuan(150))],
      }),
      "awaiting-review",
    ],
    [
      "the declared transfer was not found",
      sampleLedger({ instructions: [transfer(yuan(200), "rejected")] }),
      "action-required",
    ],
    [
      "not found, and declared again",
      sampleLedger({ instructions: [transfer(yuan(200), "rejected"), transfer(yuan(200))] }),
      "awaiting-review",
    ],
    ["overpaid", sampleLedger({ receipts: [receipt(yuan(250))] }), "awaiting-review"],
    [
      "overpaid, the difference going back",
      sampleLedger({ receipts: [receipt(yuan(250))], refunds: [refund(yuan(50))] }),
      "awaiting-review",
    ],
    [
      "paid and refunded in part",
      sampleLedger({ receipts: [receipt(yuan(200))], refunds: [refund(yuan(50), "sent")] }),
      "action-required",
    ],
  ];

  it.each(situations)("%s", (_, payment, state) => {
    expect(deriveState(sampleRecord({ application: { status: "received" }, payment }))).toBe(state);
  });

  it("any ledger: asks the applicant exactly while an open order is not covered", () => {
    const amount = fc.integer({ min: 0, max: 500 }).map(yuan);
    const ledger = fc.record({
      total: amount,
      open: fc.boolean(),
      instructions: fc.array(
        fc
          .tuple(amount, fc.constantFrom("declared", "matched", "rejected"))
          .map(([money, status]) => transfer(money, status)),
        { maxLength: 4 },
      ),
      receipts: fc.array(amount.map(receipt), { maxLength: 4 }),
      refunds: fc.array(
        amount.map((money) => refund(money)),
        { maxLength: 2 },
      ),
    });
    fc.assert(
      fc.property(ledger, (payment) => {
        const state = deriveState(sampleRecord({ application: { status: "received" }, payment }));
        const asks = payment.open && uncoveredAmount(payment).amount > 0;
        expect(["awaiting-payment", "action-required"].includes(state)).toBe(asks);
        if (!asks) expect(state).toBe("awaiting-review");
      }),
    );
  });
});

describe("the state is decided by the three facts alone", () => {
  it("whatever else the record holds", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...PLACES.values()),
        fc.record({
          updatedAt: fc.date({ noInvalidDate: true }),
          fence: fc.nat(),
          dueAt: fc.option(fc.constant(NOW), { nil: undefined }),
          pollNotBefore: fc.option(fc.constant(NOW), { nil: undefined }),
        }),
        (record, rest) => {
          expect(deriveState({ ...record, ...rest })).toBe(deriveState(record));
        },
      ),
    );
  });
});

describe("the guide's five stages", () => {
  const stages: Record<State, Stage | undefined> = {
    draft: "application",
    submitting: "application",
    "awaiting-payment": "payment",
    "awaiting-review": "review",
    "action-required": "review",
    "ready-to-install": "installation",
    installing: "installation",
    confirming: "installation",
    completed: "completed",
    closed: undefined,
  };

  it.each(Object.entries(stages))("%s is %s", (state, stage) => {
    expect(stageOf(state as State)).toBe(stage);
  });
});
