import { describe, expect, it } from "vitest";
import { createEmitter } from "../../../src/core/events.js";

const payload = { id: "renewal-1", step: "submit", activity: "signing" } as const;

describe("a listener", () => {
  it("gets what is told, until it is undone", () => {
    const emitter = createEmitter();
    const heard: unknown[] = [];
    const undo = emitter.on("activity", (event) => heard.push(event));
    emitter.emit("activity", payload);
    undo();
    undo();
    emitter.emit("activity", payload);
    expect(heard).toEqual([payload]);
  });

  it("given twice is called twice, and each undo ends one of them", () => {
    const emitter = createEmitter();
    let calls = 0;
    const listener = () => {
      calls += 1;
    };
    const undo = emitter.on("activity", listener);
    emitter.on("activity", listener);
    emitter.emit("activity", payload);
    expect(calls).toBe(2);
    undo();
    emitter.emit("activity", payload);
    expect(calls).toBe(3);
  });

  it("that throws changes nothing for the caller and for the others, and is reported", () => {
    const emitter = createEmitter();
    const reported: unknown[] = [];
    let others = 0;
    const failure = new Error("of the listener");
    emitter.on("listener-error", (event) => reported.push(event));
    emitter.on("activity", () => {
      throw failure;
    });
    emitter.on("activity", () => {
      others += 1;
    });
    expect(() => emitter.emit("activity", payload)).not.toThrow();
    expect(others).toBe(1);
    expect(reported).toEqual([{ event: "activity", error: failure }]);
  });

  it("that is an async function and rejects does not end the process, and is reported", async () => {
    const emitter = createEmitter();
    const failure = new Error("of the async listener");
    const reported = new Promise((resolve) => {
      emitter.on("listener-error", resolve);
    });
    emitter.on("activity", async () => {
      throw failure;
    });
    emitter.emit("activity", payload);
    expect(await reported).toEqual({ event: "activity", error: failure });
  });

  it("of listener-error that throws is not asked about its own failure", () => {
    const emitter = createEmitter();
    let calls = 0;
    emitter.on("listener-error", () => {
      calls += 1;
      throw new Error("again");
    });
    emitter.on("activity", () => {
      throw new Error("first");
    });
    expect(() => emitter.emit("activity", payload)).not.toThrow();
    expect(calls).toBe(1);
  });

  it("may undo itself while it is called", () => {
    const emitter = createEmitter();
    let others = 0;
    const undo = emitter.on("activity", () => undo());
    emitter.on("activity", () => {
      others += 1;
    });
    emitter.emit("activity", payload);
    expect(others).toBe(1);
  });
});
