// Reads a stream as a browser does, with an EventSource, and prints each message on a line of its own, until the server
// answers a reconnect with 204.
//
//   node eventsource.mjs URL

import { EventSource } from "eventsource"

// An EventSource waits before it connects again; here it does so at once.
const wait = globalThis.setTimeout
globalThis.setTimeout = (action, _, ...rest) => wait(action, 1, ...rest)

const source = new EventSource(process.argv[2])
source.onmessage = (message) => console.log(message.data)
source.onerror = (error) => {
  if (source.readyState === EventSource.CLOSED) process.exit(error.code === 204 ? 0 : 1)
}
