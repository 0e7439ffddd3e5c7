// Chats with the server at TERTULIA_URL, whose demonstration agent answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { lastAssistantMessageIsCompleteWithApprovalResponses as isDecided } from "ai";

import { chatAt, comeBack, plain, text, until } from "./chat.mjs";
import { cutAfter, each } from "./proxy.mjs";

const url = process.env.TERTULIA_URL;
const SUM = { text: "what is 12*(3+4)" };
const STORY = { text: "tell me a long story" };
/// Connections are cut after so many bytes, and after each multiple of it.
const STEP = 37;

const over = (chat) => until(chat, () => chat.status === "ready" || chat.status === "error");
const says = (chat, words) => until(chat, () => text(chat.lastMessage ?? { parts: [] }).includes(words));

/// A chat that has a note and is asked whether it is to be deleted.
async function asked(options) {
  const chat = chatAt(url, { sendAutomaticallyWhen: ({ messages }) => isDecided({ messages }), ...options });
  await chat.sendMessage({ text: "note milk" });
  await chat.sendMessage({ text: "delete my notes" });
  const { approval } = chat.lastMessage.parts.find((part) => part.state === "approval-requested");
  return { chat, approval };
}

async function decide(chat, decision) {
  const told = until(chat, () => chat.status !== "ready");
  await chat.addToolApprovalResponse(decision);
  await told;
  await over(chat);
}

/// The message as the chunks alone tell it: they do not say what the user decided.
const undecided = (messages) =>
  JSON.parse(JSON.stringify(messages, (name, value) => (name === "approved" ? undefined : value)));

test("a message is answered with thoughts, a tool and a text, and the kept messages are the same", async () => {
  const chat = chatAt(url);
  await chat.sendMessage(SUM);
  assert.equal(chat.status, "ready");
  assert.equal(text(chat.lastMessage), "12*(3+4) = 84");
  const types = chat.lastMessage.parts.map((part) => part.type);
  assert.deepEqual(types, ["step-start", "reasoning", "tool-calculator", "step-start", "text"]);
  assert.deepEqual(await chat.kept(), JSON.parse(JSON.stringify(chat.messages)));
});

test("nothing is resumed where nothing is under way", async () => {
  const chat = chatAt(url);
  assert.equal(await chat.resumes(), 204);
  await chat.sendMessage(SUM);
  assert.equal(await chat.resumes(), 204);
  const before = plain(chat.messages);
  await chat.resumeStream();
  assert.equal(chat.status, "ready");
  assert.deepEqual(plain(chat.messages), before);
});

test("a page that is loaded anew resumes the message that is under way", async () => {
  const first = chatAt(url);
  void first.sendMessage(STORY);
  await says(first, "Every evening");
  const second = chatAt(url, { id: first.id, messages: await first.kept() });
  await second.resumeStream();
  await over(first);
  assert.equal(second.status, "ready");
  assert.match(text(second.lastMessage), /in case it should get tired and want to sit\.$/);
  assert.deepEqual(plain(second.messages), plain(first.messages));
});

for (const browser of [false, true]) {
  test(`a message is whole wherever its connection was cut, ${browser ? "in a browser" : "in Node"}`, async () => {
    const uncut = chatAt(url);
    await uncut.sendMessage(SUM);
    const whole = await cutAfter(url, Infinity);
    await chatAt(whole.url).sendMessage(SUM);
    whole.close();
    const places = Array.from({ length: Math.ceil(whole.bytes / STEP) }, (_, n) => (n + 1) * STEP);
    let cuts = 0;
    await each(places, 24, async (bytes) => {
      const proxy = await cutAfter(url, bytes);
      const chat = chatAt(proxy.url, { browser });
      await chat.sendMessage(SUM);
      await comeBack(chat);
      assert.deepEqual(plain(chat.messages), plain(uncut.messages), `cut after ${bytes} bytes`);
      cuts += proxy.cuts;
      proxy.close();
    });
    assert.ok(cuts > 30, `only ${cuts} connections were cut`);
  });

  test(`an answer to an approval is whole wherever it was cut, ${browser ? "in a browser" : "in Node"}`, async () => {
    const uncut = await asked({ browser });
    await decide(uncut.chat, { id: uncut.approval.id, approved: true });
    const expected = undecided(plain(uncut.chat.messages));
    await each(Array.from({ length: 24 }, (_, n) => 60 * (n + 1)), 12, async (bytes) => {
      const { chat, approval } = await asked({ browser });
      const proxy = await cutAfter(url, bytes);
      const cut = chatAt(proxy.url, { browser, id: chat.id, messages: chat.messages, sendAutomaticallyWhen: isDecided });
      await decide(cut, { id: approval.id, approved: true });
      while (cut.status === "error") {
        await comeBack(cut);
        // Where the decision did not get through, the page asks again.
        const again = cut.lastMessage.parts.find((part) => part.state === "approval-requested");
        if (again) await decide(cut, { id: again.approval.id, approved: true });
      }
      assert.deepEqual(undecided(plain(cut.messages)), expected, `cut after ${bytes} bytes`);
      proxy.close();
    });
  });
}

test("a page that leaves stops nothing", async () => {
  const chat = chatAt(url);
  void chat.sendMessage(STORY);
  await says(chat, "Every evening");
  await chat.stop();
  assert.equal(chat.status, "ready");
  await chat.resumeStream();
  assert.match(text(chat.lastMessage), /in case it should get tired and want to sit\.$/);
});

test("a reply is stopped after it was resumed, and what it said stays", async () => {
  const chat = chatAt(url);
  void chat.sendMessage(STORY);
  await says(chat, "Every evening");
  await chat.stop();
  const resumed = chat.resumeStream();
  await says(chat, "Bruno");
  assert.deepEqual(await chat.asked(), { stopped: 1 });
  await resumed;
  assert.equal(chat.status, "ready");
  assert.match(text(chat.lastMessage), /^In a town by a slow river/);
  assert.doesNotMatch(text(chat.lastMessage), /want to sit/);
  assert.deepEqual(plain(await chat.kept()), plain(chat.messages));
  assert.equal(await chat.resumes(), 204);
  assert.deepEqual(await chat.asked(), { stopped: 0 });
});

test("an approval lets the same message go on", async () => {
  const { chat, approval } = await asked();
  const id = chat.lastMessage.id;
  await decide(chat, { id: approval.id, approved: true });
  assert.equal(chat.status, "ready");
  assert.equal(chat.lastMessage.id, id);
  assert.match(text(chat.lastMessage), /I have deleted your note\.$/);
  const call = chat.lastMessage.parts.find((part) => part.type === "tool-notes_delete");
  assert.deepEqual([call.state, call.output], ["output-available", { deleted: 1 }]);
  assert.equal(chat.messages.length, 4);
  assert.deepEqual(await chat.kept(), JSON.parse(JSON.stringify(chat.messages)));
});

test("a denial is told, and nothing is done", async () => {
  const { chat, approval } = await asked();
  await decide(chat, { id: approval.id, approved: false, reason: "I need them" });
  assert.equal(chat.status, "ready");
  const call = chat.lastMessage.parts.find((part) => part.type === "tool-notes_delete");
  assert.deepEqual([call.state, call.approval.approved], ["output-denied", false]);
  await chat.sendMessage({ text: "notes" });
  assert.match(text(chat.lastMessage), /milk/);
});

test("a message is answered anew, and another time", async () => {
  const chat = chatAt(url);
  await chat.sendMessage(SUM);
  const first = plain(chat.messages);
  for (let times = 0; times < 2; times++) {
    await chat.regenerate();
    assert.deepEqual(plain(chat.messages), first);
  }
  await chat.sendMessage({ text: "what is 1+1", messageId: chat.messages[0].id });
  assert.equal(text(chat.lastMessage), "1+1 = 2");
});
