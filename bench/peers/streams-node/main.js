// The server of @durable-streams/server on a port, in memory, or in files if a folder is given.
//
//   node main.js PORT [FOLDER]

import { DurableStreamTestServer } from "@durable-streams/server"

const [port, dataDir] = process.argv.slice(2)
await new DurableStreamTestServer({ port: Number(port), host: "127.0.0.1", dataDir }).start()
