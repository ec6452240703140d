import { join } from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';
import { readPng } from '../../lib/image/png.ts';
import { NAMED, TINY, type Reader } from './reader.ts';

// The programs of examples/ as they stand in the package, with a model by its name.

const FOLDER = 'node_modules/hyperfit/examples';

function losses(output: string): number[] {
  return [...output.matchAll(/^step (\d+): loss ([\d.]+)/gm)].map(([, , loss]) => Number(loss));
}

/** An IDX file of 28 x 28: frames, each of another grey. */
function idxOf(count: number): Buffer {
  const idx = Buffer.alloc(16 + count * 784);
  [0x803, count, 28, 28].forEach((value, at) => idx.writeUInt32BE(value, 4 * at));
  for (let at = 0; at < count * 784; at++)
    idx[16 + at] = (Math.max(at % 28, Math.floor((at % 784) / 28)) * 8 + Math.floor(at / 784) * 40) % 256;
  return idx;
}

export function describeExamples(readerOf: () => Reader): void {
  const example = (name: string, ...args: string[]): Promise<string> => readerOf().ok(['node', `${FOLDER}/${name}`, ...args].join(' '));

  test('01 prints the text and its continuation, the same each time', async () => {
    const first = await example('01-generate.mjs', NAMED, "'The sea '");
    expect(first.startsWith('The sea ')).toBe(true);
    expect(first.length).toBeGreaterThan('The sea \n'.length);
    expect(await example('01-generate.mjs', NAMED, "'The sea '")).toBe(first);
  });

  test('02 lowers the training loss from epoch to epoch and changes what is written', async () => {
    const output = await example('02-hyperfit-eight-sentences.mjs', NAMED);
    const epochs = [...output.matchAll(/mean training loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(epochs.length).toBeGreaterThan(1);
    expect(epochs.at(-1)!).toBeLessThan(epochs[0]!);
    const [, before, after] = /before: (.*)\n\nafter: {2}(.*)/s.exec(output)!;
    expect(after!.trim()).not.toBe(before!.trim());
  });

  test('03 goes on after the checkpoint as an uninterrupted run would', async () => {
    const interrupted = losses(await example('03-resume.mjs', NAMED, 'checkpoint'));
    expect(interrupted).toHaveLength(8);
    const { hyperfit, Model } = await import('../../lib/index.ts');
    const model = await Model.load(TINY);
    const data = ['One for the money.', 'Two for the show.', 'Three to get ready.', 'Four to go.'];
    const whole: number[] = [];
    for await (const event of hyperfit(model, { data, learningRate: 1e-4, batchSize: 2, epochs: 4, seed: 7 })) {
      if (event.type === 'step') whole.push(event.loss);
    }
    model.dispose();
    expect(interrupted).toEqual(whole);
  });

  test('04 measures before, after and with the citation blocker', async () => {
    const output = await example('04-before-and-after.mjs', NAMED, 'novel.txt', 'other.txt');
    expect(
      output.match(
        /^(before|after|blocked) +TTR 0\.\d{3} {2}repeated bigrams [01]\.\d{3} {2}entropy \d\.\d\d nats {2}longest overlap \d+ tokens$/gm,
      ),
    ).toHaveLength(3);
  });

  test('05 trains by hand: five steps, each with a lower loss', async () => {
    const output = losses(await example('05-own-loop.mjs', NAMED));
    expect(output).toHaveLength(5);
    expect(output).toEqual([...output].sort((a, b) => b - a));
  });

  test('06 trains an ImageGPT from scratch, hyperfits it and draws what it completes', async () => {
    readerOf().write('images.idx', idxOf(32));
    const output = await example('06-images.mjs', 'images.idx', 'images', '--quick');
    const means = [...output.matchAll(/mean training loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(means).toHaveLength(2);
    expect(means[1]!).toBeLessThan(means[0]!);
    expect(
      output.match(/^(original|hyperfitted), greedy +row repeats [01]\.\d{3} {2}palette TTR 0\.\d{3} {2}distinct rows [01]\.\d{3}$/gm),
    ).toHaveLength(2);
    const [, grid] = /^grid: (.*)$/m.exec(output)!;
    const { width, height } = readPng(readFileSync(join(readerOf().home, grid!)));
    // Four images of 14 x 14 at seven times their size, in three rows.
    expect([width, height]).toEqual([4 * (98 + 6) + 6, 3 * (98 + 6) - 6 + 12]);
  });

  test('07 builds a page and scores three readers', async () => {
    const output = await example('07-compare.mjs', '.');
    expect(output).toContain('page for readers: study.html');
    expect(output).toMatch(/^win +10 +83\.3 %/m);
    expect(output).toMatch(/^preferred or equal +11 +91\.7 %/m);
  });

  test('08 trains by a loss of its own, and writes no token that was among the last eight', async () => {
    const output = await example('08-own-loss.mjs', NAMED);
    const own = losses(output);
    expect(own).toHaveLength(10);
    expect(own.at(-1)!).toBeLessThan(own[0]!);
    expect(output.split('\n').at(-2)).toMatch(/^The tide went out/);
  });

  test('every example is among these, and in their README', () => {
    const names = readdirSync(join(readerOf().home, FOLDER)).filter((name) => name.endsWith('.mjs'));
    const tested = readFileSync(__filename, 'utf8');
    const listed = readFileSync(join(readerOf().home, FOLDER, 'README.md'), 'utf8');
    expect(names.filter((name) => !tested.includes(`'${name}'`) || !listed.includes(`(${name})`))).toEqual([]);
  });
}
