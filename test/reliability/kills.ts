import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { newestCheckpoint } from '../../lib/checkpoint/checkpoint-list.ts';
import { readMetrics } from '../../lib/run/metric-log.ts';
import { CLI, ROOT } from '../cli/cli-process.ts';

/** A training that saves after every step, in one of its forms. */
export interface Variant {
  name: string;
  flags: readonly string[];
}

export interface KillCounts {
  kills: number;
  trials: number;
  /** Trials whose run, killed and resumed, ended as the one that nobody killed. */
  equal: number;
  /** What was not as it has to be, in words. */
  faults: string[];
}

const COMMON = [
  '--learning-rate',
  '1e-3',
  '--batch-size',
  '3',
  '--max-steps',
  '16',
  '--save-every-steps',
  '1',
  '--keep-last-checkpoints',
  '3',
  '--evaluate-every-steps',
  '4',
  '--keep-best',
  'both',
  '--comparison-contexts',
  '0',
];

export const variantsOf = (ids: string, dialogues: string, model: string): Variant[] => {
  const plain = ['--model', model, '--data', ids, '--held-out', ids, '--context-length', '4', ...COMMON];
  return [
    { name: 'all weights', flags: plain },
    { name: 'LoRA', flags: [...plain, '--lora-rank', '4'] },
    {
      name: 'accumulation, clipping, warm-up',
      flags: [...plain, '--gradient-accumulation-steps', '3', '--max-grad-norm', '0.5', '--warmup-steps', '5'],
    },
    { name: 'dialogues', flags: ['--model', model, '--data', dialogues, '--held-out', dialogues, ...COMMON] },
  ];
};

interface Outcome {
  code: number | null;
  stderr: string;
  seconds: number;
}

/** Runs the command line, and kills it after `killAfterMs` where it is not over by then. */
async function runCli(args: readonly string[], killAfterMs?: number): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(process.execPath, [CLI, ...args, '--quiet'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, OMP_NUM_THREADS: '1' },
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = new Promise<number | null>((resolve) => child.on('close', resolve));
  if (killAfterMs !== undefined) void sleep(killAfterMs).then(() => child.kill('SIGKILL'));
  const code = await closed;
  return { code, stderr, seconds: (performance.now() - started) / 1000 };
}

/** What two runs of one thing have in common: all of their files but times, places, and who wrote them. */
function traceOf(run: string): Record<string, unknown> {
  const checkpoints = join(run, 'checkpoints');
  const hashes = readdirSync(checkpoints)
    .sort()
    .map((name) => {
      const { files } = JSON.parse(readFileSync(join(checkpoints, name, 'manifest.json'), 'utf8')) as {
        files: Record<string, { sha256: string }>;
      };
      return [
        name,
        Object.entries(files)
          .map(([file, { sha256 }]) => `${file} ${sha256}`)
          .filter((line) => !line.startsWith('adapter/'))
          .sort(),
      ];
    });
  const metrics = readMetrics(join(run, 'metrics.jsonl')).map(
    ({ seconds: _, secondsLeft: __, path: ___, best: ____, ...record }) => record,
  );
  const generations = readdirSync(join(run, 'generations'))
    .sort()
    .map((name) => [name, readFileSync(join(run, 'generations', name), 'utf8')]);
  return {
    hashes,
    metrics,
    generations,
    leftovers: readdirSync(run, { recursive: true }).filter((name) => /partial|lock/.test(String(name))),
  };
}

/** A seeded uniform number in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/**
 * Kills a training at random moments, resumes it each time, and compares its end with that of one that nobody killed. Each kill must leave
 * a state that can be gone on from, with no complete checkpoint less than before.
 */
export async function killAndResume(variant: Variant, folder: string, kills: number, random: () => number): Promise<KillCounts> {
  const reference = join(folder, 'reference');
  const { code, stderr, seconds } = await runCli(['train', ...variant.flags, '--out', reference]);
  if (code !== 0) throw new Error(`the reference ended with ${code}: ${stderr}`);
  const expected = JSON.stringify(traceOf(reference));
  const counts: KillCounts = { kills: 0, trials: 0, equal: 0, faults: [] };
  while (counts.kills < kills) await trial(variant, join(folder, `trial-${counts.trials}`), { counts, kills, random, seconds, expected });
  return counts;
}

interface TrialParts {
  counts: KillCounts;
  kills: number;
  random: () => number;
  /** That an undisturbed run takes. */
  seconds: number;
  expected: string;
}

async function trial({ name, flags }: Variant, out: string, { counts, kills, random, seconds, expected }: TrialParts): Promise<void> {
  const number = counts.trials++;
  const say = (fault: string): void => void counts.faults.push(`${name}, trial ${number}: ${fault}`);
  let step = 0;
  const most = 1 + Math.floor(random() * 4);
  for (let turn = 0; turn <= most; turn += 1) {
    const isLast = turn === most || counts.kills >= kills;
    const outcome = await runCli(['train', ...flags, '--resume', '--out', out], isLast ? undefined : 1000 * seconds * random());
    if (outcome.code === null) counts.kills += 1;
    else if (outcome.code !== 0) say(`ended with ${outcome.code}: ${outcome.stderr}`);
    const newest = (await newestCheckpoint(join(out, 'checkpoints')))?.step ?? 0;
    if (newest < step) say(`step ${step} was whole before the kill, ${newest} after it`);
    step = newest;
    if (outcome.code !== null) break;
  }
  const trace = JSON.stringify(traceOf(out));
  if (trace === expected) counts.equal += 1;
  else say(`differs from the run that nobody killed: ${firstDifference(trace, expected)}`);
  await rm(out, { recursive: true, force: true });
}

function firstDifference(left: string, right: string): string {
  const at = Array.from(left).findIndex((letter, index) => letter !== right[index]);
  return `${left.slice(Math.max(0, at - 80), at + 120)} beside ${right.slice(Math.max(0, at - 80), at + 120)}`;
}
