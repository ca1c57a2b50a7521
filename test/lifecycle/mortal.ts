import type { Driver, RenewalClientOptions, Session, Store, Transport } from "certrenew";

/** The program has died: nothing that it still does reaches the world. */
class Dead extends Error {}

export type Moment = "before" | "after";

/** Counts every call that a program makes at its ports, and dies at one of them. */
export interface Life {
  /** What was called, in order: `store.save`, `session.sign`, … */
  readonly calls: readonly string[];
  readonly died: boolean;
}

/**
 * Ports that stop for good at the `nth` call, before it is made or after it took effect. That is what SIGKILL looks like
 * from outside: token, RA and store keep what reached them, and nothing is cleaned up.
 */
export function mortal(
  ports: Pick<RenewalClientOptions, "driver" | "store"> & { readonly transport: Transport },
  nth: number,
  moment: Moment,
): { readonly life: Life; readonly ports: typeof ports } {
  const calls: string[] = [];
  let died = false;

  async function live<T>(name: string, call: () => Promise<T>): Promise<T> {
    if (died) throw new Dead();
    calls.push(name);
    const isTheOne = calls.length === nth;
    if (isTheOne && moment === "before") {
      died = true;
      throw new Dead();
    }
    const result = await call();
    // The program may also have died at another call meanwhile.
    if (isTheOne || died) {
      died = true;
      throw new Dead();
    }
    return result;
  }

  /** Every method that returns a promise goes through `live`; sessions that come back are mortal too. */
  function wrap<T extends object>(kind: string, target: T): T {
    return new Proxy(target, {
      get(object, property) {
        const value: unknown = Reflect.get(object, property, object);
        if (property === "business" && value) return wrap(kind, value as object);
        if (typeof value !== "function" || property === "watch") return value;
        return async (...args: unknown[]) =>
          live(`${kind}.${String(property)}`, async () => {
            const result: unknown = await Reflect.apply(value, object, args);
            return property === "unlock" ? wrap("session", result as Session) : result;
          });
      },
    });
  }

  return {
    life: {
      calls,
      get died() {
        return died;
      },
    },
    ports: {
      driver: wrap<Driver>("driver", ports.driver),
      store: wrap<Store>("store", ports.store),
      transport: wrap<Transport>("transport", ports.transport),
    },
  };
}
