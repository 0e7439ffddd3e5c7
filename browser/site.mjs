// The server's program and a browser, as the tests need them.

import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

const BINARY = process.env.TERTULIA_BINARY;
const CHROMIUM = process.env.TERTULIA_CHROMIUM ?? '/usr/bin/chromium';

/** A server in a folder of its own. */
export class Site {
  /** `variables` are of its environment. */
  static async start(variables = {}) {
    const site = new Site();
    site.folder = await mkdtemp(join(tmpdir(), 'tertulia-browser-'));
    site.variables = variables;
    site.listen = '127.0.0.1:0';
    await site.serve();
    return site;
  }

  /** Runs it, on the port that it had before. */
  async serve() {
    this.process = spawn(BINARY, ['--listen', this.listen, '--storage', 'sqlite:tertulia.db'], {
      cwd: this.folder,
      env: this.variables,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.ended = new Promise((resolve) => this.process.once('exit', resolve));
    for await (const line of createInterface(this.process.stdout)) {
      const url = /^http\s+(\S+)/.exec(line)?.[1];
      if (url) this.url = url;
      if (line === 'ready') break;
    }
    if (!this.url) throw new Error('the server has not started');
    this.listen = new URL(this.url).host;
  }

  /** Kills it as `kill -9` does. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
  }

  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** What is kept of a conversation. */
  async messages(id) {
    const response = await fetch(`${this.url}/v1/chat/${id}`, { headers: this.headers });
    return (await response.json()).messages;
  }

  /** Says something as another program would. */
  async say(id, text) {
    const response = await fetch(`${this.url}/chat/${id}`, { method: 'POST', body: JSON.stringify({ text }), headers: { 'content-type': 'application/json' } });
    return (await response.json()).replies.map((reply) => reply.text);
  }
}

/** A server and a browser for the tests of a file. */
export function fixture(variables) {
  const all = { site: null, browser: null };
  before(async () => {
    all.site = await Site.start(variables);
    all.browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  });
  after(async () => {
    await all.browser?.close();
    await all.site?.stop();
  });
  return all;
}

/** A page as a person has it, in a browser that has not been there before unless a context is given. */
export class Person {
  static async at(all, { path = '/', url, context, ...options } = {}) {
    const person = new Person();
    person.context = context ?? (await all.browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }));
    // Machines that test have much else to do.
    person.context.setDefaultTimeout(60_000);
    person.page = await person.context.newPage();
    person.errors = [];
    person.page.on('pageerror', (error) => person.errors.push(String(error)));
    person.page.on('console', (message) => {
      // Requests that fail are what some tests are about.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) person.errors.push(message.text());
    });
    // Every text that was ever to be seen of the last answer.
    await person.page.addInitScript(() => {
      globalThis.seen = [];
      const look = () => {
        const article = [...document.querySelectorAll('article')].filter((one) => !one.hidden).at(-1);
        const text = [...(article?.querySelectorAll('.prose') ?? [])].map((prose) => prose.textContent).join('');
        if (text !== globalThis.seen.at(-1)) globalThis.seen.push(text);
      };
      new MutationObserver(look).observe(document, { childList: true, characterData: true, subtree: true });
    });
    await person.page.goto((url ?? all.site.url) + path);
    return person;
  }

  get message() {
    return this.page.getByRole('textbox', { name: 'Message', exact: true });
  }

  get answers() {
    return this.page.getByRole('article');
  }

  /** The id of the conversation. */
  get id() {
    return decodeURIComponent(new URL(this.page.url()).hash.slice(1));
  }

  async say(text) {
    await this.message.fill(text);
    await this.message.press('Enter');
  }

  /** Waits until a text is among the messages. */
  async sees(text) {
    await this.page.locator('#thread').getByText(text).last().waitFor();
  }

  /** Waits until an answer has so many characters at least; gives what there is. */
  async written(least, nth = -1) {
    const answer = nth < 0 ? this.answers.last() : this.answers.nth(nth);
    const prose = answer.locator('.prose');
    await this.page.waitForFunction(
      ([nth, least]) => {
        const all = [...document.querySelectorAll('article')].filter((article) => !article.hidden);
        const text = [...(all.at(nth)?.querySelectorAll('.prose') ?? [])].map((prose) => prose.textContent).join('');
        return text.length >= least;
      },
      [nth, least],
    );
    return (await prose.allTextContents()).join('');
  }

  /** Waits until nothing is being answered. */
  async quiet() {
    await this.page.waitForFunction(() => document.body.dataset.busy === 'false' && document.body.dataset.state === 'ready');
  }

  /** What the last answer says. */
  async answer(nth = -1) {
    const answer = nth < 0 ? this.answers.last() : this.answers.nth(nth);
    return (await answer.locator('.prose').allTextContents()).join('\n');
  }

  /** Every text of the last answer that was to be seen since the page was loaded. */
  seen() {
    return this.page.evaluate(() => globalThis.seen);
  }

  async close() {
    await this.context.close();
  }
}

/** A text without what Markdown makes of it: its letters and digits. */
export function letters(text) {
  return text.replace(/[^\p{L}\p{N}]/gu, '');
}
