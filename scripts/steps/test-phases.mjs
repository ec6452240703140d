import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './log.mjs';

/** Hold what kernels and real models compute on all cores, or another engine beside them: one file after the other, in one process. */
const ALONE =
  /^test\/(native\/(decoding-kernels|engine-operators|kernel-operators|kernels|operations|tiles)|oracle\/(bfloat16|blocked|decoding|export|gemma3|smollm2|training))/;

/** Two processes that each want every core wait for each other in every loop. */
const ONE_THREAD = { OMP_NUM_THREADS: '1' };

/**
 * What jest is run with: some tests as they were asked for, or all of them in two goes. Those of the first start processes and wait, or
 * compute with tiny models, which several threads make no faster, so that two files at a time pay.
 */
export async function phasesOf(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'));
  if (paths.length > 0) return [{ args: ['--runInBand', ...args], env: {} }];
  const files = await testFiles();
  const alone = files.filter((file) => ALONE.test(file));
  return [
    { args: ['--maxWorkers=2', ...args, '--runTestsByPath', ...files.filter((file) => !alone.includes(file))], env: ONE_THREAD },
    { args: ['--runInBand', ...args, '--runTestsByPath', ...alone], env: {} },
  ];
}

/** Relative to the checkout. */
async function testFiles() {
  const names = await readdir(join(root, 'test'), { recursive: true });
  return names
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join('test', name));
}

const COUNTS = [
  'numPassedTests',
  'numFailedTests',
  'numPendingTests',
  'numTodoTests',
  'numTotalTests',
  'numPassedTestSuites',
  'numFailedTestSuites',
  'numTotalTestSuites',
];

/** One document of jest's from several. */
export function mergeResults(files) {
  const documents = files.filter((file) => existsSync(file)).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const counts = Object.fromEntries(COUNTS.map((name) => [name, documents.reduce((sum, document) => sum + (document[name] ?? 0), 0)]));
  return {
    ...counts,
    success: documents.length === files.length && documents.every(({ success }) => success),
    testResults: documents.flatMap(({ testResults }) => testResults),
  };
}
