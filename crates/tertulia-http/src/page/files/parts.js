// Shows the parts of a live reply: what is thought, tools, texts, sources.

import { arrange, el, icon, say } from './dom.js';
import { Markdown, link } from './markdown.js';
import { resultOf, stateOf } from './plan.js';
import { LIVE } from './reply.js';

/** The views of the parts of a reply; each keeps its element. */
export class LiveView {
  element = el('div', { class: 'live' });
  #views = [];

  show(reply, turn, press) {
    const last = reply.parts.length - 1;
    this.#views = reply.parts.map((part, at) => {
      const known = this.#views[at];
      const view = known?.kind === part.kind && known.id === part.id ? known : made(part);
      view.show(part, { turn, press, live: reply.ended === LIVE, last: at === last });
      return view;
    });
    arrange(this.element, this.#views.map((view) => view.element));
  }
}

function made(part) {
  const Kind = KINDS[part.kind] ?? Unknown;
  return Object.assign(new Kind(), { kind: part.kind, id: part.id });
}

class Text {
  #prose = new Markdown();
  element = this.#prose.element;

  show(part, { live, last }) {
    this.#prose.show(part.text);
    this.element.classList.toggle('writing', live && last);
  }
}

class Thinking {
  #summary = el('span');
  #text = el('div', { class: 'thought' });
  element = el('details', { class: 'thinking' },
    el('summary', {}, icon('M10 3a5 5 0 0 0-3 9v2h6v-2a5 5 0 0 0-3-9zM8 17h4'), this.#summary), this.#text);

  show(part, { live, last }) {
    const thinks = live && last;
    const seconds = part.until && part.at ? Math.round((part.until - part.at) / 1_000) : 0;
    say(this.#summary, thinks ? 'Thinking…' : seconds > 0 ? `Thought for ${seconds} s` : 'Thought');
    say(this.#text, part.text.trim());
    this.element.classList.toggle('working', thinks);
  }
}

const STATES = {
  preparing: 'is being prepared',
  asking: 'waits for you',
  running: 'running',
  done: 'done',
  failed: 'failed',
  denied: 'denied',
  stopped: 'stopped',
};

class Tool {
  #name = el('span', { class: 'tool-name' });
  #brief = el('span', { class: 'tool-brief' });
  #state = el('span', { class: 'tool-state' });
  #input = el('pre', { tabindex: '0', 'aria-label': 'What it was given' });
  #output = el('pre', { tabindex: '0', 'aria-label': 'What it gave' });
  #progress = el('p', { class: 'tool-progress' });
  #details = el('details', {},
    el('summary', {}, icon('M12 4a4 4 0 0 0-4 5l-5 5 3 3 5-5a4 4 0 0 0 5-5l-2 2-3-1-1-3z'), this.#name, this.#brief, this.#state),
    el('p', { class: 'tool-label' }, 'Given'), this.#input, el('p', { class: 'tool-label' }, 'Gave'), this.#output);
  #question = el('p', { class: 'question' });
  #approve = el('button', { type: 'button', class: 'primary' }, 'Approve');
  #deny = el('button', { type: 'button' }, 'Deny');
  #ask = el('div', { class: 'approval', role: 'group', 'aria-label': 'Approval' }, this.#question,
    el('div', { class: 'buttons' }, this.#approve, this.#deny));
  element = el('div', { class: 'tool' }, this.#details, this.#progress, this.#ask);
  #press = () => {};

  constructor() {
    this.#approve.addEventListener('click', () => this.#press('approve'));
    this.#deny.addEventListener('click', () => this.#press('deny'));
  }

  show(part, { turn, press }) {
    const result = resultOf(part, turn);
    const state = stateOf(part, turn);
    const name = (part.name || 'a tool').replaceAll('_', ' ');
    const input = part.input === undefined ? part.typed : pretty(part.input);
    this.element.dataset.state = state;
    say(this.#name, name);
    say(this.#brief, brief(part.input));
    say(this.#state, STATES[state]);
    say(this.#input, input);
    say(this.#output, result?.error ?? (result?.denied ? 'It was denied.' : result ? pretty(result.output) : 'Nothing yet.'));
    const progress = result?.preliminary && state === 'running' ? words(result.output) : '';
    this.#progress.hidden = progress === '';
    say(this.#progress, progress);
    this.#ask.hidden = state !== 'asking';
    say(this.#question, brief(part.input) ? `Allow “${name}” with ${brief(part.input)}?` : `Allow “${name}”?`);
    this.#press = (verb) => press(`${verb}:${part.approval}`, turn.id);
  }
}

function pretty(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '';
}

/** What a tool was given, in a few words. */
function brief(input) {
  if (input === undefined || input === null) return '';
  const values = typeof input === 'object' ? Object.values(input) : [input];
  const text = values.filter((value) => ['string', 'number'].includes(typeof value)).join(', ');
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** How far a tool is, in a line. */
function words(output) {
  if (output === null || typeof output !== 'object') return String(output ?? '');
  return Object.entries(output).filter(([, value]) => typeof value !== 'object').map(([key, value]) => `${key} ${value}`).join(' · ');
}

class References {
  #list = el('ol');
  element = el('details', { class: 'sources' }, el('summary', {}, icon('M5 3h8l3 3v11H5zM8 9h5M8 12h5'), el('span')), this.#list);

  show(part) {
    const count = part.sources.length;
    say(this.element.querySelector('summary span'), count === 1 ? '1 source' : `${count} sources`);
    if (this.#list.childElementCount === count) return;
    this.#list.replaceChildren(...part.sources.map((source) => {
      const title = String(source.title ?? source.filename ?? source.url ?? source.id ?? 'untitled');
      return el('li', {}, link(String(source.url ?? ''), undefined, [title]));
    }));
  }
}

class File {
  element = el('p', { class: 'file' });

  show(part) {
    if (this.element.childNodes.length > 0) return;
    this.element.append(link(part.url, undefined, [part.type ? `A file (${part.type})` : 'A file']));
  }
}

class Failure {
  element = el('p', { class: 'failure' });

  show(part) {
    say(this.element, part.text || 'Something failed.');
  }
}

class Unknown {
  element = el('span');

  show() {}
}

const KINDS = { text: Text, thinking: Thinking, tool: Tool, references: References, file: File, error: Failure };
