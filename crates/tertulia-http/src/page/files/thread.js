// Shows the messages of a conversation and what was said to them.

import { arrange, el, say } from './dom.js';
import { Markdown, copied } from './markdown.js';
import { LiveView } from './parts.js';
import { plan, stateOf, turnOf } from './plan.js';
import { LIVE } from './reply.js';

/** The list of messages. */
export class Thread {
  #list;
  #views = new Map();
  #acts;

  /** `acts`: `press`, `regenerate`, `retry`, `drop`. */
  constructor(list, acts) {
    this.#list = list;
    this.#acts = acts;
  }

  clear() {
    this.#views.clear();
    this.#list.replaceChildren();
  }

  show(conversation) {
    const views = new Map();
    for (const item of conversation.items) {
      const view = this.#views.get(item) ?? new ItemView(item, this.#acts);
      view.show(conversation);
      views.set(item, view);
    }
    this.#views = views;
    arrange(this.#list, [...views.values()].map((view) => view.element));
  }
}

const PRESSED = { approve: 'You approved this', deny: 'You denied this' };

/** A message and its answer. */
class ItemView {
  #item;
  #said = el('div', { class: 'bubble' });
  #note = el('p', { class: 'note' });
  #retry = el('button', { type: 'button', class: 'quiet' }, 'Try again');
  #drop = el('button', { type: 'button', class: 'quiet' }, 'Remove');
  #trouble = el('div', { class: 'trouble' }, this.#note, this.#retry, this.#drop);
  #question = el('div', { class: 'question-of' }, el('h3', { class: 'unseen' }, 'You'), this.#said);
  #segments = new Map();
  #body = el('div', { class: 'body' });
  #dots = el('div', { class: 'dots' }, el('span', { class: 'unseen' }, 'An answer is on its way'), el('i'), el('i'), el('i'));
  #state = el('p', { class: 'state' });
  #copy = el('button', { type: 'button', class: 'quiet' }, 'Copy');
  #again = el('button', { type: 'button', class: 'quiet' }, 'Regenerate');
  #actions = el('div', { class: 'actions' }, this.#copy, this.#again);
  #answer = el('article', { class: 'answer' }, el('h3', { class: 'unseen' }, 'Answer'), this.#body, this.#dots, this.#state, this.#actions);
  element = el('li', { class: 'item' }, this.#question, this.#trouble, this.#answer);
  #text = '';

  constructor(item, acts) {
    this.#item = item;
    this.acts = acts;
    this.#copy.addEventListener('click', () => copied(this.#copy, this.#text));
    this.#again.addEventListener('click', () => acts.regenerate(item, this.#again));
    this.#retry.addEventListener('click', () => acts.retry(item));
    this.#drop.addEventListener('click', () => acts.drop(item));
  }

  show(conversation) {
    const item = this.#item;
    const busy = conversation.isBusy(item);
    const turn = turnOf(item, conversation);
    this.element.dataset.update = item.update ?? '';
    this.element.classList.toggle('pressed', item.callback !== undefined);
    const pressed = /^(approve|deny):/.exec(item.callback ?? '')?.[1];
    say(this.#said, item.callback === undefined ? item.text ?? '' : PRESSED[pressed] ?? item.callback);

    const trouble = item.failed ?? (item.update === undefined && item.tried > 0 ? 'Not sent yet. It will be, as soon as the server is reached.' : '');
    this.#trouble.hidden = trouble === '';
    this.#retry.hidden = this.#drop.hidden = item.failed === undefined;
    say(this.#note, trouble);

    const segments = this.#show(plan(item, conversation.replies), turn);
    const writes = segments.some(({ reply }) => reply?.ended === LIVE);
    this.#dots.hidden = !busy || writes;
    const state = stateText(item, segments);
    this.#state.hidden = state === '';
    say(this.#state, state);
    this.#answer.setAttribute('aria-busy', String(busy));
    this.#answer.hidden = segments.length === 0 && !busy && state === '';
    this.#text = segments.map((segment) => segment.text ?? segment.reply.text).filter(Boolean).join('\n\n');
    const asks = segments.some(({ reply }) => reply?.parts.some((part) => part.kind === 'tool' && stateOf(part, turn) === 'asking'));
    this.#actions.hidden = busy || asks || item.update === undefined || segments.length === 0;
    this.#again.hidden = item.number === undefined && item.state === 'accepted' || item.elsewhere !== undefined || item.callback !== undefined;
  }

  #show(segments, turn) {
    const views = new Map();
    let texts = 0;
    for (const segment of segments) {
      const key = segment.kind === 'live' ? segment.path : `text-${texts}`;
      if (segment.kind === 'text') texts += 1;
      const view = this.#segments.get(key) ?? (segment.kind === 'live' ? new LiveView() : new Markdown());
      if (segment.kind === 'live') view.show(segment.reply, turn, this.acts.press);
      else view.show(segment.text);
      views.set(key, view);
    }
    this.#segments = views;
    arrange(this.#body, [...views.values()].map((view) => view.element));
    return segments;
  }
}

function stateText(item, segments) {
  const ends = segments.map(({ reply }) => reply?.ended);
  if (item.state === 'cancelled' || ends.includes('stopped')) return 'Stopped';
  if (item.state === 'given_up' || ends.includes('aborted')) return 'This could not be answered. It was tried several times.';
  return '';
}
