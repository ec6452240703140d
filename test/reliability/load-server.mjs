// A server of the tiny model in a process of its own, which says by message where it listens and what it holds.
import { memoryStats } from '../../dist/tensor.mjs';
import { Model } from '../../dist/model.mjs';
import { serveModels } from '../../dist/serve.mjs';

const model = await Model.load(process.argv[2]);
const failures = [];
const server = await serveModels(new Map([['tiny', model]]), {
  port: 0,
  seats: 8,
  onFailure: (error) => failures.push(String(error?.stack ?? error)),
});

/** Finalisers run after a turn of the event loop. */
async function settled() {
  for (let round = 0; round < 20; round += 1) {
    globalThis.gc();
    await new Promise((done) => setImmediate(done));
  }
}

let isEnded = false;
// Whoever asked is gone, and would be waited for by what waits for this process.
process.on('disconnect', () => isEnded || process.exit(1));
process.on('message', async (message) => {
  if (message === 'end') {
    isEnded = true;
    await server.close();
    process.disconnect();
    return;
  }
  await settled();
  process.send({
    url: server.url,
    rss: process.memoryUsage().rss,
    heap: process.memoryUsage().heapUsed,
    live: memoryStats().liveTensors,
    failures,
  });
});
process.send({ ready: true });
