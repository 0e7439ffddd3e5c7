// A proxy that cuts each connection after some of the server's bytes.

import { connect, createServer } from 'node:net';

/** Stands before the server at `url`; `cuts` counts the connections that it has cut. */
export class Cutter {
  cuts = 0;

  static async before(url, seed) {
    const cutter = new Cutter();
    cutter.random = seeded(seed);
    const { hostname, port } = new URL(url);
    cutter.server = createServer((client) => cutter.#pass(client, connect(Number(port), hostname)));
    await new Promise((resolve) => cutter.server.listen(0, '127.0.0.1', resolve));
    cutter.url = `http://127.0.0.1:${cutter.server.address().port}`;
    return cutter;
  }

  /** Lets everything through until told otherwise. */
  armed = false;
  clients = new Set();

  #pass(client, server) {
    let left = 500 + Math.floor(this.random() * 7_500);
    this.clients.add(client);
    const end = () => {
      this.clients.delete(client);
      client.destroy();
      server.destroy();
    };
    client.on('error', end).on('close', end).pipe(server);
    server.on('error', end).on('close', () => client.end());
    server.on('data', (bytes) => {
      const part = this.armed ? bytes.subarray(0, left) : bytes;
      client.write(part);
      if (!this.armed) return;
      left -= part.length;
      if (left > 0) return;
      this.cuts += 1;
      client.end(end);
    });
  }

  stop() {
    this.server.close();
    for (const client of this.clients) client.destroy();
  }
}

/** Numbers from 0 to 1, the same for the same seed. */
function seeded(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}
