import type { ErrorCode, Impact, Renewal, State } from "certrenew";
import type { MockToken } from "certrenew/drivers/mock";
import {
  acceptOffer,
  inState,
  PIN,
  type Program,
  SAMPLE_FORM,
  transferOf,
  type World,
  type WorldOptions,
} from "./world.js";

/** A failure of the catalogue that the token, the RA or a person brings about. */
export interface Failure {
  readonly code: ErrorCode;
  readonly name: string;
  readonly world?: WorldOptions;
  /** Where it strikes. */
  readonly at: "draft" | "awaiting-payment" | "ready-to-install";
  strike(scene: Scene): void;
  /** Default: the step that leads on. */
  step?(renewal: Renewal): Promise<unknown>;
  readonly impact: readonly [Impact["key"], Impact["money"], Impact["retry"]];
  /** The state of the handle to go on with. */
  readonly left: State;
  /** What the error's `next` says to do. */
  mend?(scene: Scene): void;
  readonly retryPin?: boolean | "final";
}

export interface Scene extends Program {
  readonly world: World;
  /** Another token, not plugged in. */
  readonly stranger: MockToken;
}

const FILLER = { der: new Uint8Array(4_500), keyId: Uint8Array.of(9), label: "somebody else's" };

export const FAILURES: readonly Failure[] = [
  {
    code: "ERR_TOKEN_NOT_PRESENT",
    name: "no token is plugged in",
    at: "draft",
    strike: ({ driver }) => driver.remove(),
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_TOKEN_REMOVED",
    name: "pulled out when the key pair had just been made",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "remove", method: "generateKeyPair", when: "after" }),
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_TOKEN_WRONG",
    name: "another token is plugged in instead, while it is written to",
    at: "ready-to-install",
    strike: ({ driver, stranger }) =>
      driver.fault({ type: "remove", thenInsert: stranger, method: "importCertificate" }),
    impact: ["old-usable", "received", "after-action"],
    left: "installing",
    mend({ driver, world, stranger }) {
      driver.remove(stranger);
      driver.insert(world.token);
    },
  },
  {
    code: "ERR_TOKEN_WRONG",
    name: "another token is plugged in from the start",
    at: "draft",
    strike({ driver, stranger }) {
      driver.remove();
      driver.insert(stranger);
    },
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    // Both may be in: the renewal's own is found.
    mend: ({ driver, world }) => driver.insert(world.token),
  },
  {
    code: "ERR_PIN_INCORRECT",
    name: "a wrong PIN",
    at: "draft",
    strike: ({ world }) => {
      world.pins = ["000000", PIN];
    },
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
    retryPin: true,
  },
  {
    code: "ERR_PIN_FINAL_TRY",
    name: "one more wrong PIN would lock it",
    at: "ready-to-install",
    strike: ({ world }) => world.token.setWrongTries(2),
    impact: ["old-usable", "received", "after-action"],
    left: "ready-to-install",
    retryPin: "final",
  },
  {
    code: "ERR_PIN_LOCKED",
    name: "the PIN is locked",
    at: "ready-to-install",
    strike: ({ world }) => world.token.setWrongTries(3),
    impact: ["blocked", "received", "after-action"],
    left: "ready-to-install",
    mend: ({ world }) => world.token.setWrongTries(0),
  },
  {
    code: "ERR_MODULE_HUNG",
    name: "the module hangs, and made the key pair all the same",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "hang", method: "generateKeyPair", when: "after" }),
    impact: ["old-usable", "none", "now"],
    left: "draft",
  },
  {
    code: "ERR_MODULE_CRASHED",
    name: "the module crashes while it signs",
    at: "draft",
    strike: ({ driver }) => driver.fault({ type: "crash", method: "sign", call: 2 }),
    impact: ["old-usable", "none", "now"],
    left: "draft",
  },
  {
    code: "ERR_MODULE_CRASHED",
    name: "the module crashes when the certificate had just been written",
    at: "ready-to-install",
    strike: ({ driver }) =>
      driver.fault({ type: "crash", method: "importCertificate", when: "after" }),
    impact: ["old-usable", "received", "now"],
    left: "installing",
  },
  {
    code: "ERR_TOKEN_FULL",
    name: "the token has no room, and tells so: before money is spent",
    world: { token: { memory: 8_000 } },
    at: "draft",
    strike: ({ world }) => world.token.importCertificate(FILLER),
    impact: ["untouched", "none", "after-action"],
    left: "draft",
    mend: ({ world }) => world.token.destroy({ kind: "certificate", keyId: FILLER.keyId }),
  },
  {
    code: "ERR_TOKEN_FULL",
    name: "the token has no room, and tells so only when it is written to: before money is spent",
    at: "draft",
    strike: ({ driver }) =>
      driver.fault({ type: "fail", code: "ERR_TOKEN_FULL", method: "generateKeyPair" }),
    impact: ["old-usable", "none", "after-action"],
    left: "draft",
  },
  {
    code: "ERR_RA_UNREACHABLE",
    name: "the answer to the application is lost",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "unreachable", method: "send", when: "after" }),
    impact: ["old-usable", "none", "later"],
    left: "submitting",
  },
  {
    code: "ERR_RA_UNREACHABLE",
    name: "the RA cannot be reached with the proof",
    at: "ready-to-install",
    strike: ({ world }) => world.ra.fault({ type: "unreachable", purpose: "confirmation" }),
    impact: ["both-usable", "received", "later"],
    left: "confirming",
  },
  {
    code: "ERR_RA_BUSY",
    name: "the RA does not take the application now",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "busy", method: "send" }),
    impact: ["old-usable", "none", "later"],
    left: "submitting",
  },
  {
    code: "ERR_RA_RESPONSE",
    name: "the RA's answer is garbled",
    at: "ready-to-install",
    strike: ({ world }) => world.ra.fault({ type: "malformed", method: "collect" }),
    impact: ["old-usable", "received", "later"],
    left: "ready-to-install",
  },
  {
    code: "ERR_RA_REFUSED",
    name: "the RA refuses the application",
    at: "draft",
    strike: ({ world }) => world.ra.fault({ type: "refused", method: "send" }),
    impact: ["old-usable", "none", "never"],
    left: "draft",
  },
  {
    code: "ERR_FORM_INVALID",
    name: "the form is not filled in",
    at: "draft",
    strike: () => {},
    step: (renewal) => {
      const draft = inState(renewal, "draft");
      return draft.submit({ ...acceptOffer(draft), form: { ...SAMPLE_FORM, mobile: "12" } });
    },
    impact: ["untouched", "none", "after-action"],
    left: "draft",
  },
  {
    code: "ERR_PAYMENT_INVALID",
    name: "the payment details are incomplete",
    at: "awaiting-payment",
    strike: () => {},
    step: (renewal) =>
      inState(renewal, "awaiting-payment").payByBankTransfer({
        ...transferOf(1),
        remittances: [],
      }),
    impact: ["old-usable", "unpaid", "after-action"],
    left: "awaiting-payment",
  },
  ...(
    [
      ["wrong-key", "ERR_ISSUED_WRONG_KEY"],
      ["wrong-chain", "ERR_ISSUED_UNTRUSTED"],
      ["other-subject", "ERR_ISSUED_MISMATCH"],
      ["too-short", "ERR_ISSUED_MISMATCH"],
    ] as const
  ).map(
    ([flaw, code]): Failure => ({
      code,
      name: `the RA issues a certificate with a flaw: ${flaw}`,
      at: "ready-to-install",
      strike: ({ world }) => world.ra.desk.issueWith(flaw),
      impact: ["old-usable", "received", "after-action"],
      left: "ready-to-install",
      mend: ({ world }) => world.ra.desk.issueWith(undefined),
    }),
  ),
];
