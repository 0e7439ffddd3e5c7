// Waits: for a while that grows, with chance in it, cut short when the network is back or somebody looks again.

const FIRST = 200;
const LONGEST = 15_000;

/** Waits before a try, longer each time; `tried` is how many came before it, `least` what the server asks for. */
export function backoff(tried, { least = 0, signal } = {}) {
  const most = Math.min(LONGEST, FIRST * 2 ** tried);
  return pause(Math.max(least, most / 2 + Math.random() * (most / 2)), signal);
}

/** Resolves after so many milliseconds, or sooner if the network is back. */
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener('online', done);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    addEventListener('online', done);
    signal?.addEventListener('abort', done);
  });
}

/** Resolves once the page is looked at. What is read can be read later, and browsers have few connections to one server. */
export function visible(signal) {
  return new Promise((resolve) => {
    const look = () => {
      if (document.visibilityState !== 'visible' && !signal?.aborted) return;
      document.removeEventListener('visibilitychange', look);
      signal?.removeEventListener('abort', look);
      resolve();
    };
    document.addEventListener('visibilitychange', look);
    signal?.addEventListener('abort', look);
    look();
  });
}
