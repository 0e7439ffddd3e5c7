// A conversation as this page knows it: what was said, what is being said, and what waits to be sent. It is read once, and
// then followed; everything that comes is put where it belongs by the update that it is of, however often it comes.

import { Refused, json } from './api.js';
import { AWAY, OPEN, follow } from './events.js';
import * as outbox from './outbox.js';
import { LIVE, Reply } from './reply.js';
import { backoff } from './wait.js';

/** How many replies that are over are read at once: browsers have few connections to one server. */
const READERS = 2;

export class Conversation {
  /** Messages in order, each with what was said to it. */
  items = [];
  /** Live replies, by the path of their stream. */
  replies = new Map();
  /** `loading`, `ready`, or why it cannot be shown. */
  state = 'loading';
  /** Whether the server is reached. */
  connected = true;
  /** Where the page before this one is: `{id, before}`. */
  earlier = null;

  #changed;
  #leave = new AbortController();
  #feed = new AbortController();
  /** Items with an update, by it. */
  #known = new Map();
  #seen = 0;
  #later = [];
  #reading = 0;
  #sending = Promise.resolve();

  constructor(id, changed) {
    this.id = id;
    this.#changed = changed;
  }

  /** Reads it and begins to follow it. */
  async begin() {
    for (const message of outbox.waiting(this.id)) this.#wait(message);
    await this.#load();
  }

  /** Reads and follows nothing more. */
  leave() {
    this.#leave.abort();
    this.#feed.abort();
  }

  /** Whether something is being answered. */
  get busy() {
    return this.items.some((item) => this.isBusy(item));
  }

  isBusy(item) {
    if (item.number !== undefined || item.failed || item.elsewhere) return false;
    if (item.lives.some((path) => this.replies.get(path)?.ended === LIVE)) return true;
    return item.state === 'accepted';
  }

  /** Says something. */
  send(text) {
    this.#put({ text });
  }

  /** Presses a button: `approve:<id>` or `deny:<id>`. Pressed twice, in another tab too, it counts once. */
  press(data, turn) {
    const [, approval] = data.split(':');
    this.#put({ callback: data }, `approval-${turn}-${approval}`.slice(0, 255));
  }

  #put(body, key = outbox.random()) {
    const message = { conversation: this.id, key, body, at: Date.now() };
    outbox.put(message);
    this.#wait(message);
    this.#changed();
  }

  /** Says again what was not accepted. */
  retry(item) {
    item.failed = undefined;
    const message = { conversation: this.id, key: item.key, body: item.body, at: item.at };
    outbox.put(message);
    this.#post(item, message);
    this.#changed();
  }

  drop(item) {
    outbox.drop(item.key);
    this.items = this.items.filter((other) => other !== item);
    this.#changed();
  }

  /** Asks what is under way to stop. */
  async stop() {
    await json(`v1/chat/${encodeURIComponent(this.id)}/stop`, { method: 'POST' });
  }

  /** Says a message again in a new conversation that is what this one was before it; gives its id. */
  async regenerate(item) {
    const to = outbox.random();
    for (let tried = 0; ; tried += 1) {
      try {
        await json(`v1/chat/${encodeURIComponent(this.id)}/regenerate`, {
          method: 'POST',
          headers: { 'Idempotency-Key': `regenerate-${to}` },
          body: { update: item.update, to },
        });
        return to;
      } catch (error) {
        if ((error instanceof Refused && !error.passes) || tried === 5) throw error;
        await backoff(tried);
      }
    }
  }

  /** Reads the page before. */
  async more() {
    const place = this.earlier;
    if (!place) return;
    this.earlier = null;
    try {
      const before = place.before === undefined ? '' : `?before=${place.before}`;
      const page = await json(`v1/chat/${encodeURIComponent(place.id)}${before}`, { signal: this.#leave.signal });
      this.#page(page, place.id);
    } catch {
      this.earlier = place;
    }
    this.#changed();
  }

  async #load() {
    if (this.#leave.signal.aborted) return;
    for (let tried = 0; !this.#leave.signal.aborted; tried += 1) {
      try {
        const page = await json(`v1/chat/${encodeURIComponent(this.id)}`, { signal: this.#leave.signal });
        this.connected = true;
        this.#page(page, this.id);
        this.state = 'ready';
        this.#follow(page.feed);
        // What came before a fork is a part of it.
        if (this.earlier && this.earlier.id !== this.id) await this.more();
        this.#changed();
        return;
      } catch (error) {
        if (this.#leave.signal.aborted) return;
        if (error instanceof Refused && !error.passes) {
          this.state = error.message;
          this.#changed();
          return;
        }
        this.connected = false;
        this.#changed();
        await backoff(tried, { least: (error.retryAfter ?? 0) * 1_000, signal: this.#leave.signal });
      }
    }
  }

  #page(page, id) {
    for (const said of page.messages) this.#upsert(said, id);
    const before = page.before ?? undefined;
    if (before !== undefined) this.earlier = { id, before };
    else this.earlier = page.origin ? { id: page.origin.id, before: page.origin.before } : null;
  }

  #follow(id) {
    const signal = this.#feed.signal;
    follow(`v1/chat/${encodeURIComponent(this.id)}/feed`, {
      id,
      signal,
      state: (state) => this.#is(state),
      event: ({ name, data }) => {
        if (name === 'posted' || name === 'turn') this.#upsert(JSON.parse(data), this.id);
        else if (name === 'live') this.#live(JSON.parse(data));
        else if (name === 'reset') this.#again();
        else return;
        this.#changed();
      },
      begin: () => {
        this.#again();
        return null;
      },
    });
  }

  /** Reads it anew: what the feed goes on after is not known any more. */
  #again() {
    this.#feed.abort();
    this.#feed = new AbortController();
    this.#load();
  }

  #is(state) {
    this.connected = state === OPEN ? true : state === AWAY ? false : this.connected;
    this.#changed();
  }

  /** Takes in what is known of a message. */
  #upsert(said, id) {
    const item = this.#item(said);
    const over = item.number !== undefined;
    item.elsewhere = id === this.id ? undefined : id;
    item.at = said.at;
    item.turn = said.turn;
    item.text ??= said.text;
    item.callback ??= said.callback;
    item.from ??= said.from;
    item.number = said.number ?? item.number;
    if (said.state !== 'accepted' && (!over || said.number !== undefined)) {
      item.state = said.state;
      item.replies = said.replies;
    }
    for (const { path } of said.lives) this.#hear(item, path);
    this.#sort();
  }

  /** A live reply has begun. */
  #live({ path, turn, to, at, text }) {
    const item = this.#item({ update: to, text }, true);
    item.turn = turn;
    item.at ??= at;
    if (item.callback === undefined) item.text ??= text;
    this.#hear(item, path);
    this.#sort();
  }

  /** The item of an update: known, or one of those that were sent from here, or a new one. */
  #item({ update, key, text, callback }, isNew = false) {
    let item = this.#known.get(update);
    if (!item) {
      // What has just come may be what was just sent, whose update is not known yet.
      const same = (other) => isNew && !key && (other.callback ?? other.text) === (callback ?? text);
      item = this.items.find((other) => other.update === undefined && ((key && other.key === key) || same(other)));
      if (!item) {
        item = { lives: [], replies: [], state: 'accepted', seen: (this.#seen += 1) };
        this.items.push(item);
      }
      item.update = update;
      this.#known.set(update, item);
    }
    if (key) outbox.drop(key);
    return item;
  }

  /** An item for a message that is to be sent. */
  #wait(message) {
    if (this.items.some((item) => item.key === message.key && !item.failed)) return;
    const { body, key } = message;
    const item = { lives: [], replies: [], state: 'accepted', seen: (this.#seen += 1), key, body, ...body };
    this.items.push(item);
    this.#post(item, message);
  }

  /** Posts a message, also if somebody has gone elsewhere meanwhile. */
  #post(item, message) {
    const tried = (count) => {
      item.tried = count;
      this.#changed();
    };
    // In the order in which they were written.
    this.#sending = this.#sending.then(async () => {
      try {
        this.#accepted(item, await outbox.post(message, tried));
      } catch (error) {
        item.failed = error.message;
        // Somebody has pressed another button before.
        if (item.callback !== undefined) this.drop(item);
      }
      this.#changed();
    });
  }

  #accepted(item, update) {
    item.tried = 0;
    if (item.update === update) return;
    if (item.update !== undefined) {
      // It was taken for another one that says the same: what is whose is read anew.
      this.#known.delete(item.update);
      this.#again();
    }
    if (this.#known.has(update)) {
      this.items = this.items.filter((other) => other !== item);
      return;
    }
    item.update = update;
    item.turn ??= update;
    this.#known.set(update, item);
  }

  #sort() {
    const at = (item) => item.at ?? Number.MAX_SAFE_INTEGER;
    this.items.sort((a, b) => at(a) - at(b) || a.seen - b.seen);
  }

  /** Reads a live reply, if it is not read already. */
  #hear(item, path) {
    if (!item.lives.includes(path)) item.lives.push(path);
    if (this.replies.has(path)) return;
    const reply = new Reply();
    this.replies.set(path, reply);
    if (item.number === undefined) {
      this.#read(item, path, reply);
    } else {
      this.#later.push([item, path, reply]);
      this.#readLater();
    }
  }

  /** Reads those that are over, the latest first. */
  async #readLater() {
    if (this.#reading === READERS) return;
    this.#reading += 1;
    await Promise.resolve();
    for (let next = this.#later.pop(); next && !this.#leave.signal.aborted; next = this.#later.pop()) {
      await this.#read(...next);
    }
    this.#reading -= 1;
  }

  async #read(item, path, reply) {
    await follow(`v1/events/${path}`, {
      signal: this.#leave.signal,
      event: ({ name, data, id }) => {
        if (name === 'end') reply.end(data);
        else if (name === 'reset') reply.reset(JSON.parse(data).from);
        else reply.take(JSON.parse(data), id);
        this.#changed();
      },
      begin: (status) => {
        // One whose turn is not over may begin again, where it was lost with the process that said it.
        if (status === 404 && item.number === undefined) return undefined;
        if (status === 410) {
          reply.reset('');
          return '';
        }
        reply.end('gone');
        this.#changed();
        return null;
      },
    });
  }
}
