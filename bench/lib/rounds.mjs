// Interleaved rounds: every contender once per round, each in a fresh process, so that a machine that drifts drifts for all.
import { spawn } from 'node:child_process';
import { root } from '../../scripts/steps/log.mjs';

/** What a runner prints on its last line of stdout: one JSON object. */
function runOnce({ command, args, env }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
    child.on('error', reject).on('close', (status) => {
      if (status !== 0) return reject(new Error(`${command} ${args.join(' ')} ended with ${status}`));
      resolve(JSON.parse(text.trim().split('\n').at(-1)));
    });
  });
}

/** Runs each contender `rounds` times, in turn; gives for each its results in the order of the rounds. */
export async function interleave(contenders, rounds) {
  const results = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const contender of contenders) {
      process.stderr.write(`round ${round} of ${rounds}: ${contender.name}\n`);
      results.get(contender.name).push(await runOnce(contender));
    }
  }
  return results;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Median with the range over rounds; each round counts with the median of its own repeats. */
export function summarize(rounds) {
  const values = rounds.map(median);
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

export const formatMs = ({ median: middle, min, max }) => `${middle.toFixed(middle < 100 ? 1 : 0)} (${min.toFixed(min < 100 ? 1 : 0)}-${max.toFixed(max < 100 ? 1 : 0)})`;
