// Shows Markdown as elements. What is written is taken apart by a parser and put together from texts: HTML in it is shown
// as it is written, pictures are links, and links lead to the web or to mail only.

import { lexer } from './vendor/marked.esm.js';
import { arrange, el, say } from './dom.js';

const OPTIONS = { gfm: true, breaks: true };

/** A text that grows: blocks that stay the same keep their elements. */
export class Markdown {
  element = el('div', { class: 'prose' });
  #text = '';
  #blocks = [];

  show(text) {
    if (text === this.#text) return;
    this.#text = text;
    const tokens = parse(text).filter((token) => token.type !== 'space' && token.type !== 'def');
    this.#blocks = tokens.map((token, at) => {
      const known = this.#blocks[at];
      if (known?.raw === token.raw && known.type === token.type) return known;
      // A block of code that is being written keeps its element, so that it can be selected and scrolled.
      if (known?.type === 'code' && token.type === 'code' && known.lang === token.lang) {
        say(known.code, token.text);
        return { ...known, raw: token.raw };
      }
      return made(token);
    });
    arrange(this.element, this.#blocks.map((block) => block.element));
  }
}

function parse(text) {
  try {
    return lexer(text, OPTIONS);
  } catch {
    return [{ type: 'paragraph', raw: text, tokens: [{ type: 'text', text }] }];
  }
}

function made(token) {
  const { type, raw, lang } = token;
  if (type !== 'code') return { type, raw, element: block(token) };
  const code = el('code', {}, token.text);
  return { type, raw, lang, code, element: fence(code, lang) };
}

/** A block of code, with a button that copies it. */
function fence(code, lang) {
  const copy = el('button', { type: 'button', class: 'quiet copy', 'aria-label': 'Copy the code' }, 'Copy');
  copy.addEventListener('click', () => copied(copy, code.textContent));
  const name = (lang ?? '').split(/\s/)[0].slice(0, 24);
  return el('figure', { class: 'fence' },
    el('figcaption', {}, el('span', {}, name || 'text'), copy),
    el('pre', { tabindex: '0' }, code));
}

/** Copies a text, and says so on the button. */
export async function copied(button, text) {
  const was = button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = 'Copied';
  } catch {
    button.textContent = 'Not allowed here';
  }
  setTimeout(() => { button.textContent = was; }, 1_600);
}

function block(token) {
  switch (token.type) {
    case 'paragraph':
      return el('p', {}, ...inlines(token));
    case 'heading':
      // The page has the first two levels.
      return el(`h${Math.min(6, token.depth + 2)}`, {}, ...inlines(token));
    case 'blockquote':
      return el('blockquote', {}, ...token.tokens.map(block));
    case 'list':
      return list(token);
    case 'table':
      return table(token);
    case 'hr':
      return el('hr');
    case 'code':
      return made(token).element;
    case 'text':
      return token.tokens ? el('span', {}, ...inlines(token)) : el('span', {}, token.text);
    case 'space':
      return document.createTextNode('');
    default:
      return el('p', {}, token.raw ?? '');
  }
}

function list(token) {
  const start = token.ordered && token.start !== 1 && token.start !== '' ? token.start : undefined;
  return el(token.ordered ? 'ol' : 'ul', { start }, ...token.items.map((item) => {
    const box = item.task ? (item.checked ? '☑ ' : '☐ ') : '';
    return el('li', {}, box, ...item.tokens.filter((part) => part.type !== 'checkbox').map(block));
  }));
}

function table(token) {
  const cell = (name) => (of, at) => {
    const align = token.align[at];
    return el(name, { class: align ? `to-${align}` : undefined, scope: name === 'th' ? 'col' : undefined }, ...inlines(of));
  };
  return el('div', { class: 'wide', tabindex: '0', role: 'group', 'aria-label': 'Table' },
    el('table', {},
      el('thead', {}, el('tr', {}, ...token.header.map(cell('th')))),
      el('tbody', {}, ...token.rows.map((row) => el('tr', {}, ...row.map(cell('td')))))));
}

function inlines(token) {
  return (token.tokens ?? []).map(inline);
}

function inline(token) {
  switch (token.type) {
    case 'strong':
      return el('strong', {}, ...inlines(token));
    case 'em':
      return el('em', {}, ...inlines(token));
    case 'del':
      return el('del', {}, ...inlines(token));
    case 'codespan':
      return el('code', {}, token.text);
    case 'br':
      return el('br');
    case 'link':
      return link(token.href, token.title, inlines(token));
    case 'image':
      return link(token.href, token.title, [token.text || token.href]);
    case 'text':
    case 'escape':
      return token.tokens ? el('span', {}, ...inlines(token)) : document.createTextNode(token.text);
    default:
      return document.createTextNode(token.raw ?? '');
  }
}

/** A link, if it leads where links may lead. */
export function link(href, title, children) {
  const safe = address(href);
  if (!safe) return el('span', {}, ...children);
  return el('a', { href: safe, title: title || undefined, target: '_blank', rel: 'noopener noreferrer' }, ...children);
}

function address(href) {
  try {
    const url = new URL(href);
    return ['http:', 'https:', 'mailto:'].includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

