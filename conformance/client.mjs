// Reads a stream to its end with the client of Durable Streams, resuming whenever its connection is lost, and prints
// each JSON entry on a line of its own, or each piece of other content in hexadecimal.
//
//   node client.mjs URL (sse|long-poll) (json|bytes)

import { stream } from "@durable-streams/client"

const [url, live, kind] = process.argv.slice(2)

// The client says that a session is over before it gives out the last answer, and then does not say if that was cut.
// So answers that end by themselves are read here; the client asks again for those that cannot be.
const whole = async (...request) => {
  const answer = await fetch(...request)
  if (answer.status !== 200 || answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer
  return new Response(await answer.arrayBuffer(), answer)
}

const options = {
  url,
  live,
  fetch: whole,
  warnOnHttp: false,
  // Lost connections are the point here, so it goes on with SSE however many there are, and does not wait for long.
  backoffOptions: { initialDelay: 1, maxDelay: 20, multiplier: 2 },
  sseResilience: { maxShortConnections: Infinity, backoffMaxDelay: 20, logWarnings: false },
}

const print = {
  json: (batch) => batch.items.forEach((item) => console.log(JSON.stringify(item))),
  bytes: (batch) => console.log(Buffer.from(batch.data).toString("hex")),
}

let offset
for (let ended = false; !ended; ) {
  try {
    const response = await stream({ ...options, offset })
    const last = new Promise((resolve) => {
      const taken = (batch) => {
        print[kind](batch)
        offset = batch.offset
        if (batch.streamClosed) resolve()
      }
      if (kind === "json") response.subscribeJson(taken)
      else response.subscribeBytes(taken)
    })
    await response.closed
    if (response.streamClosed) await last
    ended = response.streamClosed
  } catch (error) {
    if (error.status) throw error
  }
}
