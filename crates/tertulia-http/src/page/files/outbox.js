// Messages that were not accepted yet. They are kept with the browser until the server has said that it has them, and
// posted under the same key each time, so that one whose answer was lost counts once.

import { Refused, json } from './api.js';
import { backoff } from './wait.js';

const KEPT = 'tertulia.outbox';

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? [];
  } catch {
    return [];
  }
}

function write(messages) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(messages));
  } catch {
    // Without room they are in this page only.
  }
}

/** A text that nobody guesses; it works without a secure context too. */
export function random() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** The messages of a conversation that wait. */
export function waiting(conversation) {
  return read().filter((message) => message.conversation === conversation);
}

export function put(message) {
  write([...read().filter((known) => known.key !== message.key), message]);
}

export function drop(key) {
  const all = read();
  if (all.some((message) => message.key === key)) write(all.filter((message) => message.key !== key));
}

/** Posts what waits in other conversations than this one, which posts its own. */
export async function flush(here) {
  for (const message of read().filter(({ conversation }) => conversation !== here)) {
    try {
      await post(message);
    } catch {
      // It never will be accepted.
    }
  }
}

/** Posts a message until it is accepted, and gives its update. Throws `Refused` if it never will be. */
export async function post({ conversation, key, body }, tried = () => {}) {
  for (let count = 0; ; count += 1) {
    try {
      const headers = { Prefer: 'respond-async', 'Idempotency-Key': key };
      const accepted = await json(`chat/${encodeURIComponent(conversation)}`, { method: 'POST', headers, body });
      drop(key);
      return accepted.update;
    } catch (error) {
      if (error instanceof Refused && !error.passes) {
        drop(key);
        throw error;
      }
      tried(count + 1);
      await backoff(count, { least: (error.retryAfter ?? 0) * 1_000 });
    }
  }
}
