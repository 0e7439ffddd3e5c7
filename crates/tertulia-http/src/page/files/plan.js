// What is shown as the answer to a message, in order. Nothing here knows the page.

import { LIVE } from './reply.js';

/**
 * The segments of an answer: `{kind: 'text', text}` for what was said at once, `{kind: 'live', path, reply}` for what was said
 * piece by piece. The texts of live replies are among the message's replies once they are over; there they are shown once,
 * with all that belongs to them. What was said in the end stands: a live reply that cannot be read any more is its text.
 */
export function plan(item, replies) {
  const segments = [];
  let next = 0;
  for (const path of item.lives) {
    const reply = replies.get(path);
    if (!reply || (reply.ended === 'gone' && reply.parts.length === 0)) continue;
    const at = reply.text === '' ? -1 : item.replies.findIndex((text, at) => at >= next && same(text, reply.text));
    if (at >= 0) {
      for (; next < at; next += 1) segments.push({ kind: 'text', text: item.replies[next] });
      next += 1;
    } else if (item.number !== undefined && (reply.ended === LIVE || reply.ended === 'gone')) {
      // It is over, and only its text is at hand so far.
      continue;
    }
    if (reply.parts.length > 0) segments.push({ kind: 'live', path, reply });
  }
  for (; next < item.replies.length; next += 1) {
    if (item.replies[next].trim() !== '') segments.push({ kind: 'text', text: item.replies[next] });
  }
  return segments;
}

function same(a, b) {
  return a === b || a.trim() === b.trim();
}

/** What a tool of a turn gave: in its own reply, or in a later one. */
export function resultOf(part, turn) {
  if (part.result && !part.result.preliminary) return part.result;
  for (const reply of turn.replies) {
    const found = reply.results.get(part.id);
    if (found) return found;
  }
  return part.result;
}

/** How a tool is: `preparing`, `asking`, `running`, `done`, `failed`, `denied`, `stopped`. */
export function stateOf(part, turn) {
  const result = resultOf(part, turn);
  if (result?.denied) return 'denied';
  if (result?.error !== undefined) return 'failed';
  if (result && !result.preliminary) return 'done';
  const answer = part.approval === undefined ? undefined : turn.answers.get(part.approval);
  if (answer?.verb === 'deny') return 'denied';
  const asks = part.approval !== undefined && !answer;
  if (answer ? answer.over : turn.over && !(asks && turn.open)) return 'stopped';
  if (asks) return 'asking';
  return part.called || part.approval !== undefined ? 'running' : 'preparing';
}

/** What all messages of a turn have in common, and what was said to them later: a turn may end with a question. */
export function turnOf(item, conversation) {
  const of = (other) => other.turn ?? other.update;
  const items = conversation.items.filter((other) => of(other) === of(item));
  const later = conversation.items.slice(conversation.items.lastIndexOf(items.at(-1)) + 1);
  const failed = items.some(({ state }) => ['given_up', 'cancelled'].includes(state));
  const isOver = (other) => other.number !== undefined || ['given_up', 'cancelled'].includes(other.state);
  const pressed = [...items, ...later].flatMap((other) => {
    const [, verb, id] = /^(approve|deny):(\S*)/.exec(other.callback ?? '') ?? [];
    return verb ? [[id, { verb, over: isOver(other) }]] : [];
  });
  const lives = [...items, ...later].flatMap((other) => other.lives);
  return {
    id: of(item),
    replies: lives.map((path) => conversation.replies.get(path)).filter(Boolean),
    answers: new Map(pressed),
    over: items.some(isOver),
    /** Whether a question may still be answered: nothing else was said since. */
    open: !failed && later.every(({ callback }) => callback !== undefined),
  };
}
