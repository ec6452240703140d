import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './log.mjs';

/** Their tests load libtorch and compute with all cores, or watch memory and time: one file after the other, in one process. */
const ALONE = ['generate', 'image', 'model', 'native', 'on-device', 'oracle', 'stand-ins', 'tensor', 'train'];

/** Two processes that each want every core wait for each other in every loop. */
const ONE_THREAD = { OMP_NUM_THREADS: '1' };

/** What jest is run with: some tests as they were asked for, or all of them in two goes. The others start processes and wait, so that two files at a time pay. */
export async function phasesOf(args) {
  const paths = args.filter((arg) => !arg.startsWith('-'));
  if (paths.length > 0) return [{ args: ['--runInBand', ...args], env: {} }];
  const entries = (await readdir(join(root, 'test'))).filter((name) => name !== 'fixtures' && (!name.includes('.') || name.endsWith('.test.ts')));
  const isAlone = (name) => ALONE.includes(name);
  const places = (names) => names.map((name) => join('test', name) + (name.endsWith('.ts') ? '' : '/'));
  return [
    { args: ['--maxWorkers=2', ...args, ...places(entries.filter((name) => !isAlone(name)))], env: ONE_THREAD },
    { args: ['--runInBand', ...args, ...places(entries.filter(isAlone))], env: {} },
  ];
}

const COUNTS = ['numPassedTests', 'numFailedTests', 'numPendingTests', 'numTodoTests', 'numTotalTests', 'numPassedTestSuites', 'numFailedTestSuites', 'numTotalTestSuites'];

/** One document of jest's from several. */
export function mergeResults(files) {
  const documents = files.filter((file) => existsSync(file)).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  const counts = Object.fromEntries(COUNTS.map((name) => [name, documents.reduce((sum, document) => sum + (document[name] ?? 0), 0)]));
  return { ...counts, success: documents.length === files.length && documents.every(({ success }) => success), testResults: documents.flatMap(({ testResults }) => testResults) };
}
