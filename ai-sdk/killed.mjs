// Tells a story through the server at TERTULIA_URL, which is killed and started again whenever this prints a line.
import assert from "node:assert/strict";

import { chatAt, comeBack, plain, text, until } from "./chat.mjs";

const chat = chatAt(process.env.TERTULIA_URL, { browser: true });
const tells = (words) => until(chat, () => text(chat.lastMessage ?? { parts: [] }).includes(words));

const told = chat.sendMessage({ text: "tell me a long story" });
const back = (async () => {
  await told;
  while (chat.status === "error") await comeBack(chat);
})();
for (const words of ["Every evening", "a storm came up", "Marta put the table"]) {
  await tells(words);
  console.log(words);
}
await back;
assert.equal(chat.status, "ready");
const messages = plain(chat.messages);
assert.deepEqual(plain(await chat.kept()), messages);
// The story as nobody interrupted it.
const whole = chatAt(process.env.TERTULIA_URL);
await whole.sendMessage({ text: "tell me a long story" });
while (whole.status === "error") await comeBack(whole);
assert.deepEqual(messages, plain(whole.messages));
assert.equal(text(chat.lastMessage).split("In a town by a slow river there was").length, 2);
console.log("whole");
