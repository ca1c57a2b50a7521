import { randomBytes } from "node:crypto";
import { JsonError, parseJsonObject } from "../transport/http/wire/json.js";
import { type AdminContext, runAction } from "./admin.js";
import { type Answer, failure, jsonAnswer } from "./answers.js";
import { Refusal } from "./refusal.js";
import { HOST, type RunningServer, serveAdmin } from "./server.js";

export interface AdminPort {
  readonly url: string;
  readonly token: string;
  readonly server: RunningServer;
}

/** The admin functions over HTTP, for programs in other processes. Nothing where no port is wished for. */
export async function openAdminPort(
  context: AdminContext,
  port: number | undefined,
): Promise<AdminPort | undefined> {
  if (port === undefined) return undefined;
  // Kept in the state, so that a script that knows it can go on after a restart.
  const { state } = context.office;
  state.adminToken ??= randomBytes(24).toString("base64url");
  const token = state.adminToken;
  context.save();
  const server = await serveAdmin((action, body) => answer(context, action, body), token, port);
  return { url: `http://${HOST}:${server.port}`, token, server };
}

async function answer(context: AdminContext, action: string, body: Uint8Array): Promise<Answer> {
  try {
    const input = body.length === 0 ? {} : parseJsonObject(body);
    const result = await runAction(context, action, input);
    return jsonAnswer(200, { result: result === undefined ? null : asJson(result) });
  } catch (error) {
    if (!(error instanceof JsonError)) return failure(error);
    return failure(new Refusal("ERR_ARGUMENT", `the body is ${error.message}`));
  }
}

/** Octets as Base64, wherever they stand at the top. */
function asJson(result: unknown): unknown {
  if (typeof result !== "object" || result === null || !("content" in result)) return result;
  const { content } = result;
  if (!(content instanceof Uint8Array)) return result;
  return { ...result, content: Buffer.from(content).toString("base64") };
}
