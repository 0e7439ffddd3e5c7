// The page: which conversation is shown, what is written, and what is told to those who listen.

import { Conversation } from './conversation.js';
import { el, say } from './dom.js';
import * as list from './list.js';
import { flush, random } from './outbox.js';
import { plan, stateOf, turnOf } from './plan.js';
import * as side from './side.js';
import { Thread } from './thread.js';

const $ = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');

let conversation = null;
let drawing = false;
/** Whether what is new is scrolled to. */
let pinned = true;
/** What was told of: finished answers, and questions. */
let told = new Set();
let silent = true;

const thread = new Thread($('thread'), {
  press: (data, turn) => {
    conversation.press(data, turn);
    $('message').focus();
  },
  regenerate,
  retry: (item) => conversation.retry(item),
  drop: (item) => conversation.drop(item),
});

/** Shows the conversation that the address names, or a new one. */
function open() {
  const id = address();
  if (conversation?.id === id) return;
  conversation?.leave();
  conversation = new Conversation(id, changed);
  [told, silent, pinned] = [new Set(), true, true];
  thread.clear();
  if (location.hash === '') conversation.state = 'ready';
  else conversation.begin();
  side.close();
  changed();
  side.show(conversation.id);
}

/** The id in the address; a new one has none until something is said. */
function address() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || random();
  } catch {
    return location.hash.slice(1);
  }
}

function changed() {
  if (drawing) return;
  drawing = true;
  // Pages that are not looked at get no frames.
  if (document.visibilityState === 'visible') requestAnimationFrame(draw);
  else setTimeout(draw, 200);
}

function draw() {
  drawing = false;
  const { items, state, busy } = conversation;
  const entry = list.find(conversation.id);
  const title = entry?.title ?? items.find((item) => item.text)?.text.slice(0, 60) ?? (location.hash ? conversation.id : 'New conversation');
  say($('title'), title);
  document.title = location.hash ? `${title} · Tertulia` : 'Tertulia';
  thread.show(conversation);
  $('welcome').hidden = items.length > 0 || state !== 'ready';
  $('earlier').hidden = !conversation.earlier;
  $('stop').hidden = !busy;
  if (!busy) $('stop').disabled = false;
  $('send').disabled = $('message').value.trim() === '';
  document.body.dataset.busy = String(busy);
  document.body.dataset.state = ['loading', 'ready'].includes(state) ? state : 'failed';
  say($('network'), network());
  tell();
  if (pinned) $('scroll').scrollTop = $('scroll').scrollHeight;
  $('latest').hidden = pinned;
}

function network() {
  if (!['loading', 'ready'].includes(conversation.state)) return conversation.state;
  if (!navigator.onLine) return 'No network. It goes on when it is back.';
  return conversation.connected ? '' : 'The server is not reached. Trying again…';
}

/** Tells those who listen what was answered, once it is whole, and what is asked. */
function tell() {
  if (conversation.state !== 'ready') return;
  if (silent) {
    // What was there when the page was opened was not said now.
    const there = conversation.items.filter((item) => item.state !== 'accepted');
    told = new Set(there.map((item) => `answer-${item.update}`));
    silent = false;
  }
  // At once: what is said over another text is not heard.
  const news = [];
  const once = (what, text) => {
    if (!told.has(what)) news.push(text);
    told.add(what);
  };
  for (const item of conversation.items) {
    const turn = turnOf(item, conversation);
    const segments = plan(item, conversation.replies);
    const parts = segments.flatMap(({ reply }) => reply?.parts ?? []);
    for (const part of parts.filter((part) => part.kind === 'tool' && stateOf(part, turn) === 'asking')) {
      once(`ask-${turn.id}-${part.approval}`, `Approval is needed: ${part.name.replaceAll('_', ' ')}`);
    }
    if (conversation.isBusy(item) || item.update === undefined || segments.length === 0) continue;
    const text = segments.map((segment) => segment.text ?? segment.reply.text).join('\n').trim();
    if (text) once(`answer-${item.update}`, `Answer: ${text.slice(0, 1_500)}`);
  }
  if (news.length > 0) $('announce').textContent = news.join('\n');
}

function send(text) {
  if (text.trim() === '') return;
  if (location.hash === '') {
    history.replaceState(null, '', `#${encodeURIComponent(conversation.id)}`);
    conversation.begin();
  }
  list.touch(conversation.id, text);
  pinned = true;
  conversation.send(text);
  side.show(conversation.id);
}

async function regenerate(item, button) {
  button.disabled = true;
  try {
    const was = conversation;
    const to = await was.regenerate(item);
    list.touch(to, list.find(was.id)?.title ?? item.text);
    if (was === conversation) location.hash = encodeURIComponent(to);
    $('message').focus();
  } catch (error) {
    $('announce').textContent = error.message;
    button.textContent = 'That did not work';
  }
  button.disabled = false;
}

async function stop() {
  $('stop').disabled = true;
  try {
    await conversation.stop();
  } catch {
    $('stop').disabled = false;
  }
}

function grow() {
  const box = $('message');
  box.style.height = 'auto';
  box.style.height = `${Math.min(box.scrollHeight, innerHeight * 0.4)}px`;
  $('send').disabled = box.value.trim() === '';
}

function submit() {
  const box = $('message');
  const text = box.value;
  if (text.trim() === '') return;
  box.value = '';
  grow();
  send(text);
}

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  submit();
});
$('message').addEventListener('input', grow);
$('message').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    submit();
  }
});
$('stop').addEventListener('click', () => {
  stop();
  $('message').focus();
});
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape' || event.isComposing || $('token').open) return;
  if (side.isOpen()) side.close();
  else if (conversation.busy) stop();
});
$('new').addEventListener('click', () => {
  if (location.hash !== '') history.pushState(null, '', location.pathname + location.search);
  conversation?.leave();
  conversation = null;
  open();
  $('message').focus();
});
$('open').addEventListener('submit', (event) => {
  event.preventDefault();
  const id = $('open-id').value.trim();
  if (id === '') return;
  $('open-id').value = '';
  list.touch(id, id);
  location.hash = encodeURIComponent(id);
  side.show(conversation.id);
});
$('earlier').addEventListener('click', () => {
  pinned = false;
  conversation.more();
});
$('scroll').addEventListener('scroll', () => {
  const box = $('scroll');
  pinned = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  document.body.dataset.scrolled = String(box.scrollTop > 8);
  $('latest').hidden = pinned;
}, { passive: true });
$('latest').addEventListener('click', () => {
  $('scroll').scrollTo({ top: $('scroll').scrollHeight, behavior: calm.matches ? 'auto' : 'smooth' });
  $('message').focus();
});
new ResizeObserver(() => {
  if (pinned) $('scroll').scrollTop = $('scroll').scrollHeight;
}).observe($('scroll'));
addEventListener('hashchange', open);
addEventListener('popstate', open);
addEventListener('online', changed);
addEventListener('offline', changed);
list.watch(() => side.show(conversation.id));

open();
flush(conversation.id);
if (!side.isNarrow()) $('message').focus();

// Last, so that nobody waits for it.
try {
  const settings = await (await fetch('page/settings.json')).json();
  $('suggestions').replaceChildren(...settings.suggestions.map((text) => {
    const button = el('button', { type: 'button' }, text);
    button.addEventListener('click', () => {
      send(text);
      $('message').focus();
    });
    return el('li', {}, button);
  }));
} catch {
  // They are a comfort.
}
