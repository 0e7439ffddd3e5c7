// Asks the server. Where it wants a token, the reader is asked for one, and the request is made again.

/** Where the page was loaded from: the routes are beside it. */
export const base = new URL('.', document.baseURI);

const KEPT = 'tertulia.token';
let asking = null;

/** The server has said no, in its own words. */
export class Refused extends Error {
  constructor(status, problem, retryAfter) {
    super(problem?.message ?? `the server answered ${status}`);
    this.status = status;
    this.kind = problem?.kind ?? '';
    this.update = problem?.update;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may do better later. */
  get passes() {
    return this.status >= 500 ? this.kind !== 'given_up' : [408, 425, 429].includes(this.status);
  }
}

/** A request whose answer was read no further than its headers. Throws what `fetch` throws, or `Refused`. */
export async function ask(path, { method = 'GET', headers = {}, body, signal } = {}) {
  for (;;) {
    const token = sessionStorage.getItem(KEPT);
    const response = await fetch(new URL(path, base), {
      method,
      body: body === undefined ? undefined : JSON.stringify(body),
      headers: {
        ...headers,
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
      },
      cache: 'no-store',
      credentials: 'omit',
      signal,
    });
    if (response.ok) return response;
    let problem;
    try {
      problem = (await response.json()).error;
    } catch {
      // Not every proxy answers with JSON.
    }
    if (response.status !== 401) {
      throw new Refused(response.status, problem, Number(response.headers.get('Retry-After')) || 0);
    }
    if (sessionStorage.getItem(KEPT) === token) await askForToken(token !== null);
  }
}

/** A request whose answer is JSON. */
export async function json(path, options) {
  return (await ask(path, options)).json();
}

function askForToken(wasWrong) {
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById('token');
    const input = document.getElementById('token-text');
    if (wasWrong) document.getElementById('token-why').textContent = 'That token is not the right one. Try another.';
    // It cannot be left: there is nothing to see without it.
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      sessionStorage.setItem(KEPT, input.value.trim());
      input.value = '';
      asking = null;
      resolve();
    }, { once: true });
    dialog.showModal();
  });
  return asking;
}
