import { tinyModelPath } from '../models.mjs';
import { spawnSnippet } from '../snippet.mjs';
import { subjectOf } from '../sides.mjs';

const ENDING_SECONDS = 10;
const LIMIT_SECONDS = 30;
const afterSteps = (signal) => (line, child) => line === 'step 2' && setTimeout(() => child.kill(signal), 5);
/** How it is ended, and what the parent must see: a status, or the signal that was sent. Anything else was a crash on the way out. */
const WAYS = [
  { way: 'process.exit', status: 0 },
  { way: 'its natural end, nothing disposed', status: 0 },
  { way: 'an error that nobody catches', status: 1 },
  { way: 'a worker that is terminated', status: 0 },
  { way: 'SIGTERM', signal: 'SIGTERM', onSaid: afterSteps('SIGTERM') },
  { way: 'SIGINT', signal: 'SIGINT', onSaid: afterSteps('SIGINT') },
];

/** A process that ends while the device works ends as it was told to: with its own status, at once, without a crash. */
export async function run({ settings, results }) {
  const { device, kernels } = subjectOf(settings);
  for (const { way, status = null, signal = null, onSaid } of settings.quick ? WAYS.slice(0, 2).concat(WAYS[4]) : WAYS) {
    const end = await spawnSnippet('ending', { way, device, kernels, path: tinyModelPath('tiny-text') }, LIMIT_SECONDS, onSaid);
    const seen = { status: end.status, signal: end.signal, seconds: end.seconds };
    const asTold = !end.timedOut && end.status === status && end.signal === signal;
    results.holds(`${way}: ends as told`, asTold, {
      ...seen,
      ...(asTold ? {} : { timedOut: end.timedOut, stderr: end.stderr.slice(-600) }),
    });
    results.atMost(`${way}: seconds from the first step to the end`, end.seconds ?? Infinity, ENDING_SECONDS);
  }
}
