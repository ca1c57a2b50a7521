import { describe, expect, it } from "vitest";
import {
  ERROR_CATALOGUE,
  type ErrorCode,
  errorCode,
  RenewalError,
  throwIfAborted,
} from "../../../src/core/errors.js";
import { type Catalogue, en } from "../../../src/core/messages/en.js";
import { zhCN } from "../../../src/core/messages/zh-cn.js";
import { testRuntime } from "./fakes.js";
import { FOLLOW_SECRET, RECORDS } from "./samples.js";

const CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];
const placeholders = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
const IDEOGRAPH = /\p{Script=Han}/u;

describe.each(CODES)("%s", (code) => {
  it("has its texts in English and in Chinese, with the same facts in both", () => {
    for (const part of ["what", "next"] as const) {
      const [english, chinese] = [en.errors[code][part], zhCN.errors[code][part]];
      expect(english).toMatch(/^[A-Z“].*[.]$/);
      expect(english).not.toMatch(IDEOGRAPH);
      expect(chinese).toMatch(IDEOGRAPH);
      expect(placeholders(chinese)).toEqual(placeholders(english));
    }
  });

  it("says what happened, whether key and money are safe, whether to retry, and what to do next", () => {
    const names = placeholders(en.errors[code].what + en.errors[code].next);
    const details = Object.fromEntries(names.map((name) => [name.slice(1, -1), "<fact>"]));
    const error = new RenewalError(code, { details });
    for (const language of ["en", "zh-CN"] as const) {
      const { problems, reason, hotline, ...explanation } = error.explain(language);
      expect([reason, hotline]).toEqual([undefined, undefined]);
      expect(Object.keys(explanation)).toEqual(["what", "key", "money", "retry", "next"]);
      expect(problems).toEqual([]);
      for (const text of Object.values(explanation)) {
        expect(text.length).toBeGreaterThan(3);
        expect(text).not.toMatch(/[{}[\]]|undefined|–/);
      }
      expect(Object.values(explanation).join("").split("<fact>").length - 1).toBe(names.length);
    }
    expect(error.message).toBe(error.explain().what);
  });

  it("is readable without its facts too", () => {
    const error = new RenewalError(code);
    expect(error.message).not.toMatch(/[{}[\]]|undefined/);
    expect(error.impact.retry).toBe(ERROR_CATALOGUE[code]);
  });
});

describe("the catalogues", () => {
  it.each([
    ["en", en],
    ["zh-CN", zhCN],
  ] satisfies [string, Catalogue][])(
    "%s has a text for every code and no other",
    (_, catalogue) => {
      expect(Object.keys(catalogue.errors).sort()).toEqual([...CODES].sort());
    },
  );

  it("have the same kinds of safety and retry", () => {
    for (const kind of ["key", "money", "retry"] as const) {
      expect(Object.keys(zhCN[kind])).toEqual(Object.keys(en[kind]));
    }
  });
});

describe("a RenewalError", () => {
  it("keeps its cause, and adds the reason and every problem to the message", () => {
    const cause = new Error("of the adapter");
    const error = new RenewalError("ERR_FORM_INVALID", {
      cause,
      details: { reason: "two fields" },
      problems: [
        { pointer: "/mobile", message: "is required" },
        { pointer: "", message: "is not an object" },
      ],
    });
    expect(error.cause).toBe(cause);
    expect(error.message).toBe(
      "The form is not filled in correctly. (two fields) /mobile: is required; /: is not an object",
    );
  });

  it("says of key and money what it is told, and the least where it is not", () => {
    expect(new RenewalError("ERR_RA_BUSY").impact).toEqual({
      key: "untouched",
      money: "none",
      retry: "later",
    });
    const { impact } = new RenewalError("ERR_RA_BUSY", {
      impact: { key: "both-usable", money: "received" },
    });
    expect(impact).toEqual({ key: "both-usable", money: "received", retry: "later" });
  });

  it("knows of the key what its code alone tells", () => {
    expect(new RenewalError("ERR_KEY_NOT_FOUND").impact.key).toBe("missing");
    expect(new RenewalError("ERR_PIN_LOCKED").impact.key).toBe("blocked");
  });

  it("tells who works on a renewal as far as that is known", () => {
    const what = (details: Record<string, string | number>) =>
      new RenewalError("ERR_RECORD_CLAIMED", { details }).explain().what;
    expect(what({ pid: 71, machine: "desk-2" })).toBe(
      "Another step is working on this renewal, in process 71 on desk-2.",
    );
    expect(what({ pid: 71 })).toBe("Another step is working on this renewal, in process 71.");
    expect(what({})).toBe("Another step is working on this renewal.");
  });

  it("explains the reason, every problem and whom to call, fit for a terminal", async () => {
    const { offer } = RECORDS["awaiting-review"].offer;
    const renewal = await testRuntime().handleOf({
      ...RECORDS["awaiting-review"],
      offer: { offer: { ...offer, support: { hotline: "400-000-0000\u001b[2J" } } },
    });
    const error = new RenewalError("ERR_RA_REFUSED", {
      details: { reason: "资料\u202e不符\u0007" },
      problems: [{ pointer: "/agent", message: "is not\u001b[31m known" }],
      renewal,
    });
    for (const language of ["en", "zh-CN"] as const) {
      expect(error.explain(language)).toMatchObject({
        reason: "资料不符",
        problems: [{ pointer: "/agent", message: "is not[31m known" }],
        hotline: "400-000-0000[2J",
      });
    }
    const bare = new RenewalError("ERR_RA_REFUSED").explain();
    expect(bare).not.toHaveProperty("reason");
    expect(bare).not.toHaveProperty("hotline");
  });

  it("as JSON has neither the handle nor the cause", async () => {
    const runtime = testRuntime();
    const renewal = await runtime.handleOf({
      ...RECORDS["awaiting-review"],
      secrets: { followSecret: FOLLOW_SECRET },
    });
    const error = new RenewalError("ERR_FORM_INVALID", {
      cause: new Error(FOLLOW_SECRET),
      renewal,
      problems: [{ pointer: "/agent", message: "is required" }],
    });
    expect(error.renewal).toBe(renewal);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: "ERR_FORM_INVALID",
      message: "The form is not filled in correctly. /agent: is required",
      details: {},
      impact: { key: "untouched", money: "none", retry: "after-action" },
      problems: [{ pointer: "/agent", message: "is required" }],
    });
    expect(Object.keys(error)).not.toContain("renewal");
    expect(new RenewalError("ERR_RA_BUSY").toJSON()).not.toHaveProperty("problems");
  });

  it("is told from other errors by its code", () => {
    expect(errorCode(new RenewalError("ERR_RA_BUSY"))).toBe("ERR_RA_BUSY");
    expect(errorCode(Object.assign(new Error(), { code: "ERR_RA_BUSY" }))).toBeUndefined();
    expect(errorCode(undefined)).toBeUndefined();
  });
});

describe("an aborted signal", () => {
  it("is ERR_ABORTED with the signal's reason", () => {
    const reason = new Error("the holder pressed Esc");
    expect(() => throwIfAborted(AbortSignal.abort(reason))).toThrowError(
      expect.objectContaining({ code: "ERR_ABORTED", cause: reason }),
    );
    expect(() => throwIfAborted(new AbortController().signal)).not.toThrow();
    expect(() => throwIfAborted(undefined)).not.toThrow();
  });
});
