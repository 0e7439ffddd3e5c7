// Tells a story through the server at TERTULIA_URL, which is ended and started again whenever this prints a line.
import assert from "node:assert/strict";

import { chatAt, plain, text, until } from "./chat.mjs";

const page = { browser: true, comesBack: true };
const chat = chatAt(process.env.TERTULIA_URL, page);
const tells = (chat, words) => until(chat, () => text(chat.lastMessage ?? { parts: [] }).includes(words));
const ends = async (chat) => {
  await tells(chat, "in case it should get tired and want to sit.");
  await until(chat, () => chat.status === "ready");
};

void chat.sendMessage({ text: "tell me a long story" });
for (const words of ["Every evening", "a storm came up", "Marta put the table"]) {
  await tells(chat, words);
  console.log(words);
}
await ends(chat);
const messages = plain(chat.messages);
// The story as nobody interrupted it.
const whole = chatAt(process.env.TERTULIA_URL, page);
void whole.sendMessage({ text: "tell me a long story" });
await ends(whole);
assert.deepEqual(messages, plain(whole.messages));
assert.equal(text(chat.lastMessage).split("In a town by a slow river there was").length, 2);
console.log("whole");
