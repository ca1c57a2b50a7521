import { readFileSync, renameSync } from "node:fs";
import type { Driver, Session } from "certrenew";
import { exportToken, importToken, MockToken, mockDriver } from "certrenew/drivers/mock";
import { writePrivate } from "./files.js";

/** A mock token in a file, so that it outlives a process as a real one does. Its keys lie there in the clear. */
export function makeMockToken(file: string, wanted: { label: string; pin: string }): void {
  save(file, new MockToken({ ...wanted, serialNumber: "0001" }));
}

export function keptMockDriver(file: string): Driver {
  const token = importToken(JSON.parse(readFileSync(file, "utf8")));
  const driver = mockDriver({ tokens: [token] });
  return {
    ...driver,
    async unlock(identity, options) {
      const session = await driver.unlock(identity, options);
      return saving(session, () => save(file, token));
    },
  };
}

function saving(session: Session, saved: () => void): Session {
  const after =
    <O, T>(call: (options: O) => Promise<T>) =>
    async (options: O) => {
      const result = await call(options);
      saved();
      return result;
    };
  return {
    ...session,
    generateKeyPair: after(session.generateKeyPair),
    importCertificate: after(session.importCertificate),
    destroy: after(session.destroy),
  };
}

function save(file: string, token: MockToken): void {
  const whole = writePrivate(`${file}.new`, JSON.stringify(exportToken(token)));
  renameSync(whole, file);
}
