// The conversations that this browser has had: their ids are random, and known nowhere else.

const KEPT = 'tertulia.conversations';
const MOST = 200;

export function all() {
  try {
    return (JSON.parse(localStorage.getItem(KEPT)) ?? []).toSorted((a, b) => b.at - a.at);
  } catch {
    return [];
  }
}

export function find(id) {
  return all().find((conversation) => conversation.id === id);
}

/** Puts a conversation at the beginning; its title stays unless it has none. */
export function touch(id, title) {
  const known = find(id);
  const entry = { id, title: known?.title || shorten(title) || id, at: Date.now() };
  write([entry, ...all().filter((conversation) => conversation.id !== id)].slice(0, MOST));
}

export function forget(id) {
  write(all().filter((conversation) => conversation.id !== id));
}

function write(conversations) {
  try {
    localStorage.setItem(KEPT, JSON.stringify(conversations));
  } catch {
    // The list is a comfort: a conversation can be opened by its address too.
  }
}

function shorten(text = '') {
  const line = text.trim().split('\n')[0] ?? '';
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

/** Calls back when another tab has changed the list. */
export function watch(changed) {
  addEventListener('storage', (event) => {
    if (event.key === KEPT) changed();
  });
}
