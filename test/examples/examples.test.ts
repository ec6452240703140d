import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '..', '..');
const MODEL = join(ROOT, 'test', 'fixtures', 'models', 'tiny-text');
const run = promisify(execFile);

/** What an example prints, run as the README says: by plain node, on the built package. */
async function example(name: string, ...args: string[]): Promise<string> {
  const { stdout } = await run('node', [join('examples', name), ...args], { cwd: ROOT });
  return stdout;
}

function losses(output: string): number[] {
  return [...output.matchAll(/^step (\d+): loss ([\d.]+)/gm)].map(([, , loss]) => Number(loss));
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-examples-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('01 prints the text and its continuation, the same each time', async () => {
  const first = await example('01-generate.mjs', MODEL, 'The sea ');
  expect(first.startsWith('The sea ')).toBe(true);
  expect(first.length).toBeGreaterThan('The sea \n'.length);
  expect(await example('01-generate.mjs', MODEL, 'The sea ')).toBe(first);
});

test('02 lowers the training loss from epoch to epoch and changes what is written', async () => {
  const output = await example('02-hyperfit-eight-sentences.mjs', MODEL);
  const epochs = [...output.matchAll(/mean training loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
  expect(epochs.length).toBeGreaterThan(1);
  expect(epochs.at(-1)!).toBeLessThan(epochs[0]!);
  const [, before, after] = /before: (.*)\n\nafter: {2}(.*)/s.exec(output)!;
  expect(after!.trim()).not.toBe(before!.trim());
});

test('03 goes on after the checkpoint as an uninterrupted run would', async () => {
  const interrupted = losses(await example('03-resume.mjs', MODEL, join(folder, 'checkpoint')));
  expect(interrupted).toHaveLength(8);
  const { hyperfit, Model } = await import('../../lib/index.ts');
  const model = await Model.load(MODEL);
  const data = ['One for the money.', 'Two for the show.', 'Three to get ready.', 'Four to go.'];
  const whole: number[] = [];
  for await (const event of hyperfit(model, { data, learningRate: 1e-4, batchSize: 2, epochs: 4, seed: 7 })) {
    if (event.type === 'step') whole.push(event.loss);
  }
  model.dispose();
  expect(interrupted).toEqual(whole);
});

test('04 measures before, after and with the citation blocker', async () => {
  const prose = 'The lamps were lit along the quay and nobody came. '.repeat(60);
  await writeFile(join(folder, 'train.txt'), prose);
  await writeFile(join(folder, 'other.txt'), 'Rain fell on the hills for nine days; then the road was gone. '.repeat(40));
  const output = await example('04-before-and-after.mjs', MODEL, join(folder, 'train.txt'), join(folder, 'other.txt'));
  expect(output.match(/^(before|after|blocked) +TTR 0\.\d{3} {2}repeated bigrams [01]\.\d{3} {2}entropy \d\.\d\d nats {2}longest overlap \d+ tokens$/gm)).toHaveLength(3);
});

test('05 trains by hand: five steps, each with a lower loss', async () => {
  const output = losses(await example('05-own-loop.mjs', MODEL));
  expect(output).toHaveLength(5);
  expect(output).toEqual([...output].sort((a, b) => b - a));
});

test('07 builds a page and scores three readers', async () => {
  const output = await example('07-compare.mjs', folder);
  expect(output).toContain(`page for readers: ${join(folder, 'study.html')}`);
  expect(output).toMatch(/^win +10 +83\.3 %/m);
  expect(output).toMatch(/^preferred or equal +11 +91\.7 %/m);
});
