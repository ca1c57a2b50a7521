import { RenewalError } from "../../../core/errors.js";
import { fromNative } from "../errors.js";
import type { CallName, Params, Request, Result } from "../rpc.js";
import { destroyCertificates, importCertificate } from "./certificates.js";
import { contentsOf, contentsOfAll } from "./contents.js";
import { decrypt } from "./decryption.js";
import { importKeyPair } from "./key-import.js";
import { destroyKeyPairs, findKeyPair, generateKeyPair, sign } from "./keys.js";
import { loadModule, type TokenModule } from "./module.js";
import { presencePoll } from "./presence.js";
import { surveyLibrary, surveyObjects, surveySlots } from "./survey.js";
import { openSession, type TokenSession } from "./token-session.js";
import { presentTokens } from "./tokens.js";

/**
 * Answers the requests to one host, one after the other: synchronous calls into one module, with at most one session.
 * Throws RenewalErrors only.
 */
export function createDispatcher(): (request: Request) => Result<CallName> {
  let loaded: TokenModule | undefined;
  let poll: (() => Result<"poll">) | undefined;
  let opened: TokenSession | undefined;

  const module = () => loaded ?? outOfOrder("no module is loaded");
  const session = () => opened ?? outOfOrder("no session is open");
  const refreshed = () => {
    module().refresh();
    return module();
  };

  const handlers: { readonly [K in CallName]: (params: Params<K>) => Result<K> } = {
    load(settings) {
      loaded = loadModule(settings);
      poll = presencePoll(loaded);
    },
    // The binding was loaded with this file.
    binding: () => undefined,
    library: () => surveyLibrary(module()),
    slots: () => surveySlots(module()),
    objects: ({ slot }) => surveyObjects(module(), slot),
    tokens: () => presentTokens(refreshed()).map(({ token }) => token),
    contents: () => contentsOfAll(refreshed()),
    poll: () => poll?.() ?? outOfOrder("no module is loaded"),
    open(token) {
      opened = openSession(module(), token);
      return { token: opened.token(), present: opened.present };
    },
    login({ pin }) {
      session().login(pin);
    },
    generate: (options) => generateKeyPair(session(), options),
    find: (reference) => findKeyPair(session(), reference),
    sign: (options) => sign(session(), options),
    decrypt: (options) => decrypt(session(), options),
    unwrap: (options) => importKeyPair(session(), options),
    import(options) {
      importCertificate(session(), options);
    },
    read: () => contentsOf(session()),
    destroy({ kind, keyId, sha256, spki }) {
      if (kind === "key-pair") destroyKeyPairs(session(), { keyId, spki });
      else destroyCertificates(session(), keyId, sha256);
    },
    close() {
      const [ending, finalizing] = [opened, loaded];
      opened = undefined;
      loaded = undefined;
      ending?.close();
      finalizing?.finalize();
    },
  };
  return ({ call, params }) => {
    try {
      return (handlers[call] as (params: unknown) => Result<CallName>)(params);
    } catch (error) {
      throw fromNative(error);
    }
  };
}

function outOfOrder(reason: string): never {
  throw new RenewalError("ERR_ARGUMENT", { details: { reason } });
}
