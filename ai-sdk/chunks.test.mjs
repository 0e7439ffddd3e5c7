// The chunks that the server's own tests make of every kind of event, as the SDK takes them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { DefaultChatTransport, readUIMessageStream, uiMessageChunkSchema, validateUIMessages } from "ai";

const { frames, ends, message } = JSON.parse(readFileSync(new URL("chunks.json", import.meta.url)));
const chunks = frames.split("\n\n").filter((frame) => frame && frame !== "data: [DONE]");
const all = chunks.map((frame) => JSON.parse(frame.slice("data: ".length))).concat(ends);

/// The types of the schema with their fields, as its source names them: the schema has more than JSON Schema can say.
const source = readFileSync(new URL("node_modules/ai/src/ui-message-stream/ui-message-chunks.ts", import.meta.url), "utf8");
const kinds = source.split("z.looseObject({").slice(1).map((object) => {
  const fields = object.split("\n      }),")[0];
  const type = fields.match(/z\.literal\('([a-z-]+)'\)/)?.[1] ?? "data-";
  return { type, fields: [...fields.matchAll(/^ {8}(\w+):/gm)].map(([, name]) => name) };
});
const isOf = (kind) => (chunk) => (kind.type === "data-" ? chunk.type.startsWith("data-") : chunk.type === kind.type);

test("every chunk is of the SDK's schema, and has no field that it does not name", async () => {
  const schema = uiMessageChunkSchema();
  assert.equal((await schema.validate({ type: "text" })).success, false);
  for (const chunk of all) {
    const { success, error } = await schema.validate(chunk);
    assert.ok(success, `${JSON.stringify(chunk)}: ${error}`);
    const { fields } = kinds.find((kind) => isOf(kind)(chunk));
    for (const field of Object.keys(chunk)) assert.ok(fields.includes(field), `${chunk.type}: ${field}`);
  }
});

test("every type of the SDK's schema is told", () => {
  assert.equal(kinds.length, 25);
  assert.deepEqual(kinds.filter((kind) => !all.some(isOf(kind))), []);
});

test("the kept message is the one that the SDK makes of the chunks", async () => {
  const transport = new DefaultChatTransport({ fetch: async () => new Response(frames) });
  const stream = await transport.sendMessages({ chatId: "c", messages: [], trigger: "submit-message" });
  let made;
  for await (const next of readUIMessageStream({ stream })) made = next;
  // What the user decided is in no chunk: the server tells it by what came of it.
  const decided = message.parts.filter((part) => part.approval).map(({ approval }) => approval.approved);
  assert.deepEqual(decided, [true, false]);
  const undecided = JSON.parse(JSON.stringify(message, (name, value) => (name === "approved" ? undefined : value)));
  assert.deepEqual(JSON.parse(JSON.stringify(made)), undecided);
  await validateUIMessages({ messages: [message] });
});
