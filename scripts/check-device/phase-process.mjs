// One phase, in a process of its own. What it finds goes up as lines of JSON through descriptor 3, written before the next thing is
// tried: whatever ends this process, what it had found is with its parent.
import { writeSync } from 'node:fs';
import { askForCards } from './card.mjs';
import { Results } from './results.mjs';

const { module, argument, settings, limit } = JSON.parse(process.argv[2]);
const send = (message) => writeSync(3, `${JSON.stringify(message)}\n`);

// A parent that is gone closes the pipe; nobody would read what this process finds.
process.stdin.on('end', () => process.exit(1)).resume();
process.stdin.unref();

try {
  const { doctor } = await import('../../dist/index.mjs');
  askForCards(() => doctor().cuda.cards);
  const { run } = await import(`./phases/${module}.mjs`);
  await run({ settings, argument, results: new Results(send), deadline: performance.now() + limit * 1000 });
} catch (error) {
  send({ error: error.stack ?? String(error) });
  process.exit(1);
}
process.exit(0);
