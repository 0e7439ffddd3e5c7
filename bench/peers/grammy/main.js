// grammY with its runner and its sessions in memory: runs one case and prints one line of JSON.
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { createConcurrentSink, createRunner, createSource, sequentialize } from "@grammyjs/runner";
import { Bot, MemorySessionStorage, session } from "grammy";

// Telegram's own limit of one `getUpdates`, and so what `run(bot)` asks for at most.
const BATCH = 100;

const { values: asked } = parseArgs({
  options: {
    case: { type: "string" },
    updates: { type: "string" },
    chats: { type: "string" },
    slots: { type: "string", default: "500" },
    "sleep-ms": { type: "string", default: "0" },
  },
});
const total = whole("updates", 1);
const chats = whole("chats", 1);
const slots = whole("slots", 1);
const sleepMs = whole("sleep-ms", 0);

const storage = new MemorySessionStorage();
const updates = makeUpdates();
const cpuBefore = process.cpuUsage();
const started = process.hrtime.bigint();
const running = run(updates);
await running.drained;
const seconds = Number(process.hrtime.bigint() - started) / 1e9;
const cpu = process.cpuUsage(cpuBefore);
await running.stop();

let sum = 0;
for (let chat = 1; chat <= chats; chat++) sum += storage.read(String(chat))?.n ?? 0;
console.log(JSON.stringify({
  peer: "grammy",
  case: asked.case,
  updates: total,
  seconds,
  cpu_us_per_update: (cpu.user + cpu.system) / total,
  updates_per_second: total / seconds,
  sum_ok: sum === total,
  grammy: version("grammy"),
  runner: version("@grammyjs/runner"),
  node: process.versions.node,
}));

/** Runs the updates through what `run(bot)` is made of, fed from memory instead of from Telegram. */
function run(updates) {
  const bot = makeBot();
  let next = 0;
  let drained;
  const done = new Promise((resolve) => (drained = resolve));
  const concurrent = createConcurrentSink(
    { consume: (update) => bot.handleUpdate(update) },
    (error) => {
      throw error;
    },
    { concurrency: slots },
  );
  const source = createSource({
    supply: async (pace, signal) => {
      const batch = updates.slice(next, next + Math.max(1, Math.min(pace, BATCH)));
      next += batch.length;
      if (batch.length > 0) return batch;
      while (concurrent.size() > 0) await sleep(1);
      drained();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      return [];
    },
  });
  const runner = createRunner(source, concurrent);
  runner.start();
  return { drained: done, stop: () => runner.stop() };
}

/** A bot that counts each chat's updates in its session. */
function makeBot() {
  const botInfo = { id: 1, is_bot: true, first_name: "Bench", username: "bench_bot" };
  const bot = new Bot("1:bench", { botInfo });
  bot.use(sequentialize((ctx) => String(ctx.chat.id)));
  bot.use(session({ initial: () => ({ n: 0 }), storage }));
  if (sleepMs > 0) {
    bot.on("message", async (ctx) => {
      await sleep(sleepMs);
      ctx.session.n++;
    });
  } else {
    bot.on("message", (ctx) => {
      ctx.session.n++;
    });
  }
  return bot;
}

/** Updates as `getUpdates` would have parsed them; the chats take turns. */
function makeUpdates() {
  return Array.from({ length: total }, (_, index) => {
    const id = (index % chats) + 1;
    return {
      update_id: index,
      message: {
        message_id: index,
        date: 1_700_000_000,
        chat: { id, type: "private", first_name: "Ana" },
        from: { id, is_bot: false, first_name: "Ana" },
        text: `message ${index}`,
      },
    };
  });
}

function whole(name, least) {
  const value = Number(asked[name]);
  if (!Number.isSafeInteger(value) || value < least) {
    console.error(`--${name} is ${asked[name]}, allowed is a whole number from ${least}`);
    process.exit(2);
  }
  return value;
}

function version(name) {
  return JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version;
}
