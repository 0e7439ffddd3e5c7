// Appends 200 JSON entries with the client's idempotent producer, several requests at a time, and closes the stream.
// Before each ten entries it waits for a line of stdin, as long as that is open.
//
//   node producer.mjs URL

import { createInterface } from "node:readline"

import { DurableStream, IdempotentProducer } from "@durable-streams/client"

const [url] = process.argv.slice(2)
const stream = new DurableStream({ url, contentType: "application/json", warnOnHttp: false })
const failed = (error) => {
  console.error(error)
  process.exit(1)
}

// The producer leaves it to its caller to send a request again whose answer was lost.
const persistent = async (...request) => {
  for (;;) {
    try {
      return await fetch(...request)
    } catch (error) {
      if (!error.cause?.code) throw error
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
}
const options = { lingerMs: 0, maxBatchBytes: 100, onError: failed, fetch: persistent }
const producer = new IdempotentProducer(stream, "producer", options)
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
for (let n = 0; n < 200; n += 1) {
  if (n % 10 === 0) await lines.next()
  producer.append(JSON.stringify({ n, text: "x".repeat((n * 7) % 100) }))
  if (n % 10 === 9) await producer.flush()
}
await producer.close()
process.stdin.destroy()
