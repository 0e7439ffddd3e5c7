// grammY's bot for the torture: counts each chat's messages in its session and echoes them.
import { join } from "node:path";

import { run, sequentialize } from "@grammyjs/runner";
import { FileAdapter } from "@grammyjs/storage-file";
import { Bot, session } from "grammy";

const { TELEGRAM_BOT_TOKEN, TELEGRAM_API_URL, TORTURE_DIR } = process.env;
const bot = new Bot(TELEGRAM_BOT_TOKEN, { client: { apiRoot: TELEGRAM_API_URL } });
const getSessionKey = (ctx) => ctx.chat?.id.toString();

bot.use(sequentialize(getSessionKey));
bot.use(session({
  getSessionKey,
  initial: () => ({ messages: 0 }),
  storage: new FileAdapter({ dirName: join(TORTURE_DIR, "sessions") }),
}));
bot.on("message:text", async (ctx) => {
  ctx.session.messages++;
  await ctx.reply(`${ctx.session.messages} ${ctx.message.text}`);
});
bot.catch((error) => console.error(error));

if (process.argv.includes("--simple")) {
  // grammY's own long polling, one update after the other; made for bots with little to do.
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => bot.stop());
  await bot.start();
} else {
  // The runner, for bots with much to do: up to 500 updates at once, which is its default.
  const runner = run(bot);
  for (const signal of ["SIGINT", "SIGTERM"]) {
    process.once(signal, () => runner.isRunning() && runner.stop());
  }
}
