// The list of conversations. On a narrow page it lies over the conversation.

import { el, icon } from './dom.js';
import * as list from './list.js';

const $ = (id) => document.getElementById(id);
const narrow = matchMedia('(max-width: 800px)');

export function isNarrow() {
  return narrow.matches;
}

export function isOpen() {
  return document.body.classList.contains('side-open');
}

/** Shows the list, with this one marked. */
export function show(current) {
  $('list').replaceChildren(...list.all().map(({ id, title }) => {
    const here = id === current;
    const remove = el('button', { type: 'button', class: 'icon', 'aria-label': `Take ${title} off the list` }, icon('M6 6l8 8M14 6l-8 8'));
    remove.addEventListener('click', () => {
      list.forget(id);
      show(current);
      $('new').focus();
    });
    return el('li', { class: here ? 'here' : undefined },
      el('a', { href: `#${encodeURIComponent(id)}`, 'aria-current': here ? 'page' : undefined, title }, title), remove);
  }));
}

function open() {
  document.body.classList.add('side-open');
  $('open-side').setAttribute('aria-expanded', 'true');
  reach();
  $('close-side').focus();
}

export function close() {
  if (!isOpen()) return;
  document.body.classList.remove('side-open');
  $('open-side').setAttribute('aria-expanded', 'false');
  reach();
  $('open-side').focus();
}

/** What cannot be seen cannot be reached. */
function reach() {
  $('side').inert = narrow.matches && !isOpen();
  document.querySelector('.main').inert = narrow.matches && isOpen();
}

$('open-side').addEventListener('click', open);
$('close-side').addEventListener('click', close);
$('veil').addEventListener('click', close);
narrow.addEventListener('change', reach);
reach();
