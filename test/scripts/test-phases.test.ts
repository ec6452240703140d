import { existsSync, readdirSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Phase {
  args: string[];
  env: Record<string, string>;
}
const root = join(__dirname, '../..');
const { phasesOf, mergeResults } = require('../../scripts/steps/test-phases.mjs') as {
  phasesOf(args: string[]): Promise<Phase[]>;
  mergeResults(files: string[]): Record<string, unknown>;
};
const LongestFirst = require('../../scripts/steps/longest-first.cjs') as { LONG: string[] } & (new (options: object) => {
  sort(tests: object[]): { path: string }[];
});

test('every test file is in one phase; some of both kinds', async () => {
  const phases = await phasesOf(['--silent']);
  const files = phases.map(({ args }) => args.slice(args.indexOf('--runTestsByPath') + 1));
  const all = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  expect(files.flat().sort()).toEqual(all.map((name) => join('test', name)).sort());
  for (const phase of files) expect(phase.length).toBeGreaterThan(10);
  expect(phases.map(({ args }) => args.slice(0, 2))).toEqual([
    ['--maxWorkers=2', '--silent'],
    ['--runInBand', '--silent'],
  ]);
});

test('tests that are named run alone, with every core', async () => {
  expect(await phasesOf(['test/tensor', '-t', 'adds'])).toEqual([{ args: ['--runInBand', 'test/tensor', '-t', 'adds'], env: {} }]);
});

test('the long ones start first, and exist', () => {
  expect(LongestFirst.LONG.filter((name) => !existsSync(join(root, 'test', `${name}.test.ts`)))).toEqual([]);
  const test = (name: string): object => ({
    path: join(root, 'test', name),
    context: { config: { cacheDirectory: '/none', id: 'x' }, hasteFS: { getSize: () => 1 } },
  });
  const sorted = new LongestFirst({}).sort(['data/a.test.ts', 'evaluate/significance.test.ts', 'scripts/check-device.test.ts'].map(test));
  expect(sorted.map(({ path }) => path.split('/').at(-1))).toEqual(['check-device.test.ts', 'significance.test.ts', 'a.test.ts']);
});

test('what several goes of jest say becomes one document; a missing one is a failure', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-phases-'));
  const files = [2, 3].map((numPassedTests, index) => {
    const path = join(folder, `${index}.json`);
    writeFileSync(path, JSON.stringify({ numPassedTests, success: true, testResults: [index] }));
    return path;
  });
  expect(mergeResults(files)).toMatchObject({ numPassedTests: 5, numFailedTests: 0, success: true, testResults: [0, 1] });
  expect(mergeResults([...files, join(folder, 'none.json')])).toMatchObject({ numPassedTests: 5, success: false });
  rmSync(folder, { recursive: true });
});
