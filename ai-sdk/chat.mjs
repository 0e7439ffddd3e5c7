// A page's chat, as the AI SDK keeps it, and how it comes back after its connection was lost.
import { setTimeout as sleep } from "node:timers/promises";
import { Chat } from "@ai-sdk/react";
import { DefaultChatTransport } from "ai";

/// A chat at a server. `browser` has connections that are lost fail as they do in browsers; Node has another word for it.
/// With `comesBack` it does so by itself, as docs/ai-sdk.md says that a page does.
export function chatAt(url, { id = crypto.randomUUID(), browser = false, comesBack = false, ...options } = {}) {
  const api = `${url}/v1/ai/chat`;
  const again = () =>
    chat.lastMessage.role === "user" ? chat.sendMessage() : chat.resumeStream({ body: { lost: true } });
  const chat = new Chat({
    id,
    onError: (error) => comesBack && /fetch|network|unavailable/.test(error.message) && setTimeout(again, 50),
    transport: new DefaultChatTransport({
      api,
      fetch: browser ? fetchAsBrowsersDo : fetch,
      prepareReconnectToStreamRequest: ({ api, id, body }) => ({
        api: `${api}/${id}/stream${body.lost ? "?finished=true" : ""}`,
      }),
    }),
    ...options,
  });
  return Object.assign(chat, {
    kept: async () => (await fetch(`${api}/${id}/messages`)).json(),
    asked: async () => (await fetch(`${api}/${id}/stop`, { method: "POST" })).json(),
    resumes: async () => (await fetch(`${api}/${id}/stream`)).status,
  });
}

/// Comes back until the message is whole; gives how often that was needed.
export async function comeBack(chat) {
  let times = 0;
  for (; chat.status === "error"; times++) {
    if (times > 0) await sleep(Math.min(20 * times, 200));
    if (chat.lastMessage.role === "user") await chat.sendMessage();
    else await chat.resumeStream({ body: { lost: true } });
  }
  return times;
}

/// Resolves once this holds; looks whenever a message or the status changes.
export function until(chat, holds) {
  return new Promise((resolve) => {
    const look = () => holds() && (left.forEach((leave) => leave()), resolve());
    const left = [chat["~registerMessagesCallback"](look), chat["~registerStatusCallback"](look)];
    look();
  });
}

/// What a message says.
export const text = (message) =>
  message.parts.map((part) => (part.type === "text" ? part.text : "")).join("");

/// Messages as JSON, their ids as numbers in the order in which they come: chats that say the same are equal.
export function plain(messages) {
  const ids = new Map();
  const number = (id) => ids.get(id) ?? (ids.set(id, `#${ids.size}`), ids.get(id));
  const said = messages.map(({ id, ...message }) => message);
  return JSON.parse(JSON.stringify(said).replace(/\b[0-9a-f]{16,32}\b/g, number));
}

async function fetchAsBrowsersDo(url, options) {
  const response = await fetch(url, options);
  if (!response.body) return response;
  const reader = response.body.getReader();
  const body = new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(error.name === "AbortError" ? error : new TypeError("network error"));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return new Response(body, response);
}
