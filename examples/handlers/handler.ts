// Counts each conversation's messages and echoes them. `node handler.ts` (Node 22.18 or newer; before that `npx tsx
// handler.ts`), then `tertulia --handler <what it prints>`. Answers line by line, as one that streams would.
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What Tertulia posts. */
interface Post {
  version: 1;
  conversation: string;
  id: string;
  attempt: number;
  arrived_ms: number;
  update: { from?: { id: string; name: string } } & (
    | { kind: "message"; text?: string }
    | { kind: "callback"; data: string }
    | { kind: "other"; name: string }
  );
  raw?: Json;
  session: { messages?: number };
  once: { [name: string]: Json };
}

/** A line of the answer. */
type Line =
  | { reply: { text: string } }
  | { session: { [key: string]: Json } }
  | { once: { name: string; value: Json } }
  | { error: string }
  | { done: true };

const secret = process.env.TERTULIA_HANDLER_SECRET;

/** Whether it was Tertulia that posted this, and within the last five minutes. */
function isAuthentic(headers: IncomingHttpHeaders, body: Buffer): boolean {
  if (!secret) return true;
  const seconds = String(headers["x-webhook-timestamp"]);
  const mac = createHmac("sha256", secret).update(`${seconds}.`).update(body).digest("hex");
  const [given, right] = [Buffer.from(String(headers["x-webhook-signature"])), Buffer.from(`v1=${mac}`)];
  const same = given.length === right.length && timingSafeEqual(given, right);
  return same && Math.abs(Date.now() / 1000 - Number(seconds)) < 300;
}

function* answer(post: Post): Generator<Line> {
  if (post.update.kind === "message" && post.update.text !== undefined) {
    const messages = (post.session.messages ?? 0) + 1;
    yield { session: { messages } };
    yield { reply: { text: `${messages} ${post.update.text}` } };
  }
  yield { done: true };
}

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  if (!isAuthentic(request.headers, body)) {
    response.writeHead(401).end();
    return;
  }
  response.writeHead(200, { "Content-Type": "application/x-ndjson" });
  for (const line of answer(JSON.parse(body.toString()))) response.write(`${JSON.stringify(line)}\n`);
  response.end();
});
server.listen(Number(process.env.PORT ?? 8700), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
