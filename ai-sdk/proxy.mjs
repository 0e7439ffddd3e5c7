// A proxy that cuts a connection after a number of the server's bytes.
import net from "node:net";
import { once } from "node:events";

/// Stands before the server: the first connection lets `bytes` of the server's through, the others all of them.
export async function cutAfter(url, bytes) {
  const { hostname, port } = new URL(url);
  const open = new Set();
  const proxy = { cuts: 0, bytes: 0 };
  let left = bytes;
  const listener = net.createServer((client) => {
    const cuts = left > 0;
    let room = cuts ? left : Infinity;
    left = 0;
    const server = net.connect(Number(port), hostname);
    for (const socket of [client, server]) {
      open.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => (open.delete(socket), client.destroy(), server.destroy()));
    }
    client.pipe(server);
    server.on("data", (data) => {
      proxy.bytes += data.length;
      if (data.length < room) {
        room -= data.length;
        client.write(data);
        return;
      }
      server.pause();
      proxy.cuts++;
      client.end(data.subarray(0, room));
      room = 0;
    });
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  proxy.url = `http://127.0.0.1:${listener.address().port}`;
  proxy.close = () => (listener.close(), open.forEach((socket) => socket.destroy()));
  return proxy;
}

/// Does the work for each of the items, so many at a time.
export async function each(items, many, work) {
  const queue = [...items];
  const worker = async () => {
    while (queue.length > 0) await work(queue.shift());
  };
  await Promise.all(Array.from({ length: many }, worker));
}
