// Reads server-sent events with `fetch`, which can send a token, and goes on where it was whatever happens.

import { Refused, ask } from './api.js';
import { backoff, visible } from './wait.js';

/** Without a byte for so long the connection is taken for dead: the server says `ping` every 15 s. */
const SILENCE = 40_000;

/** How the connection is. */
export const OPEN = 'open';
export const AWAY = 'away';

/**
 * Follows the events at `path` until there are no more, or until `signal` is aborted.
 *
 * `event({name, data, id})` is told of each, `state` of the connection, and `begin(status)` when what was read leads nowhere
 * any more: it gives the id to go on after (`''` for the beginning), `null` to leave, or nothing to try again later.
 */
export async function follow(path, { id = '', event, state = () => {}, begin = () => null, signal }) {
  let tried = 0;
  while (!signal.aborted) {
    await visible(signal);
    if (signal.aborted) return;
    const leave = new AbortController();
    const away = () => {
      if (document.visibilityState !== 'visible') leave.abort();
    };
    const abort = () => leave.abort();
    signal.addEventListener('abort', abort);
    document.addEventListener('visibilitychange', away);
    let least = 0;
    let ended = false;
    try {
      const headers = { Accept: 'text/event-stream', ...(id ? { 'Last-Event-ID': id } : {}) };
      const response = await ask(path, { headers, signal: leave.signal });
      // It has been told the end before.
      if (response.status === 204) return;
      state(OPEN);
      for await (const message of messages(response.body, leave)) {
        tried = 0;
        if (message.id !== undefined) id = message.id;
        if (message.name !== 'ping') event(message);
        if (message.name === 'end') ended = true;
        if (signal.aborted) return;
      }
      if (ended) return;
    } catch (error) {
      if (signal.aborted || ended) return;
      if (error instanceof Refused) {
        if (!error.passes) {
          const next = begin(error.status);
          if (next === null) return;
          id = next ?? id;
        }
        least = error.retryAfter * 1_000;
      }
    } finally {
      signal.removeEventListener('abort', abort);
      document.removeEventListener('visibilitychange', away);
      if (!ended) leave.abort();
    }
    if (document.visibilityState !== 'visible') continue;
    if (tried > 0) state(AWAY);
    await backoff(tried, { least, signal });
    tried += 1;
  }
}

/** The messages of a body as it comes. */
async function* messages(body, leave) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let timer;
  const watch = () => {
    clearTimeout(timer);
    timer = setTimeout(() => leave.abort(), SILENCE);
  };
  const parser = new Parser();
  try {
    for (;;) {
      watch();
      const { value, done } = await reader.read();
      if (done) return;
      yield* parser.take(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Takes pieces of an event stream and gives its messages, as the HTML standard reads them. */
export class Parser {
  #rest = '';
  #name = '';
  #data = [];
  #id;

  *take(text) {
    let rest = this.#rest + text;
    for (;;) {
      const end = rest.search(/[\r\n]/);
      // A carriage return at the very end may have its line feed to come.
      if (end < 0 || (rest[end] === '\r' && end + 1 === rest.length)) break;
      const line = rest.slice(0, end);
      rest = rest.slice(end + (rest.startsWith('\r\n', end) ? 2 : 1));
      if (line === '') {
        if (this.#data.length > 0) {
          yield { name: this.#name || 'message', data: this.#data.join('\n'), id: this.#id };
        }
        [this.#name, this.#data, this.#id] = ['', [], undefined];
      } else {
        this.#field(line);
      }
    }
    this.#rest = rest;
  }

  #field(line) {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }
}
