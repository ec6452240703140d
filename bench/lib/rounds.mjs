// Interleaved rounds: every contender once per round, each in a fresh process, so that a machine that drifts drifts for all.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { root } from '../../scripts/steps/log.mjs';

/**
 * A contender is one program of bench/runners with its settings, which it gets as one JSON argument. It prints one JSON
 * object on the last line of stdout: its figures, or `refused` with the reason why this machine or version has none.
 */
export function contender(name, runner, settings, python) {
  return {
    name,
    command: runner.endsWith('.py') ? python : process.execPath,
    args: [join('bench', 'runners', runner), JSON.stringify(settings)],
  };
}

export function choose(contenders, { only, skip }) {
  return contenders.filter(({ name }) => (only === '' || new RegExp(only).test(name)) && (skip === '' || !new RegExp(skip).test(name)));
}

/** Runs one contender; adds `startedAt` (milliseconds since 1970) and `wallMilliseconds`, both seen from outside. */
export function runOnce({ name, command, args }) {
  return new Promise((resolve, reject) => {
    const startedAt = Date.now();
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, HF_HUB_DISABLE_PROGRESS_BARS: '1' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (part) => (text += part));
    child.on('error', reject).on('close', (status, signal) => {
      if (status !== 0) return reject(new Error(`${name} ended with ${status ?? signal}`));
      resolve({ ...JSON.parse(text.trim().split('\n').at(-1)), startedAt, wallMilliseconds: Date.now() - startedAt });
    });
  });
}

/**
 * Runs each contender `rounds` times, in turn; gives for each its results in the order of the rounds. One that refuses is not asked again.
 */
export async function interleave(contenders, rounds) {
  const results = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const one of contenders) {
      const known = results.get(one.name);
      if (known[0]?.refused) continue;
      process.stderr.write(`round ${round} of ${rounds}: ${one.name}\n`);
      known.push(await runOnce(one));
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
  const values = rounds.map((round) => median([round].flat()));
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}
