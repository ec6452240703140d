import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// The scripts are plain JavaScript: their types are said here.
const numbers = require('../../scripts/check-device/numbers.mjs') as {
  relativeError: (actual: number[], expected: number[]) => number;
  relativeDifference: (actual: number[], expected: number[]) => number;
  largestDifference: (actual: number[], expected: number[]) => number;
  worstGradient: (actual: Map<string, number[]>, expected: Map<string, number[]>, floor: number) => { error: number; parameter: string };
  sameBits: (actual: ArrayLike<number>, expected: ArrayLike<number>) => boolean;
};
const { Results } = require('../../scripts/check-device/results.mjs') as {
  Results: new (send: (message: { result?: { name: string; passed?: boolean; value?: unknown; error?: string } }) => void) => {
    atMost(name: string, value: number, bound: number): boolean;
    holds(name: string, condition: unknown): boolean;
    tries(name: string, work: () => unknown): Promise<unknown>;
  };
};
const card = require('../../scripts/check-device/card.mjs') as {
  cardName: (device: string) => string | undefined;
  freeMemory: (device: string) => number | undefined;
  peakMemory: (device: string) => number | undefined;
  askForCards: (list: () => { name: string; totalBytes: number; freeBytes: number | null }[]) => void;
  statedPeaks: (name: string | undefined) => { bfloat16: number } | undefined;
};

describe('bounds of check:device', () => {
  test.each([0, 1, 2])('what is no number, at place %i, is never within a bound', (place) => {
    const expected = [1, 2, 3];
    const actual = expected.map((value, at) => (at === place ? NaN : value));
    const gradients = (values: number[]) => new Map(values.map((value, at) => [`g${at}`, [value, 1]]));
    const errors = [
      numbers.relativeError(actual, expected),
      numbers.relativeDifference(actual, expected),
      numbers.largestDifference(actual, expected),
      numbers.worstGradient(gradients(actual), gradients(expected), 1e-3).error,
    ];
    const sent: unknown[] = [];
    const results = new Results(({ result }) => sent.push([result!.passed, result!.value]));
    for (const error of errors) results.atMost('error', error, 1e9);
    expect(sent).toEqual(errors.map(() => [false, 'NaN']));
  });

  test('lengths and names that differ are infinitely far apart', () => {
    expect(numbers.relativeError([1], [1, 2])).toBe(Infinity);
    expect(numbers.largestDifference([], [1])).toBe(Infinity);
    expect(numbers.worstGradient(new Map([['a', [1]]]), new Map([['b', [1]]]), 0).error).toBe(Infinity);
    expect(numbers.worstGradient(new Map(), new Map([['b', [1]]]), 0).error).toBe(Infinity);
  });

  test('the worst gradient by name, none relative to less than its share of all', () => {
    const expected = new Map([
      ['large', [100, 0]],
      ['small', [1e-9, 0]],
    ]);
    const actual = new Map([
      ['large', [101, 0]],
      ['small', [3e-9, 0]],
    ]);
    expect(numbers.worstGradient(actual, expected, 1e-3)).toEqual({ error: expect.closeTo(0.01), parameter: 'large' });
    expect(numbers.worstGradient(actual, expected, 0)).toEqual({ error: expect.closeTo(2), parameter: 'small' });
  });

  test('bits: -0 is not 0, NaN is NaN', () => {
    expect([numbers.sameBits([0], [-0]), numbers.sameBits([NaN], [NaN]), numbers.sameBits(Float32Array.of(1), Float32Array.of(1))]).toEqual(
      [false, true, true],
    );
  });

  test('a throw is a failed check of that name, and nothing but true holds', async () => {
    const sent: unknown[] = [];
    const results = new Results(({ result }) => sent.push(result));
    await results.tries('a step', () => Promise.reject(Object.assign(new Error('no room'), { code: 'ERR_OUT_OF_MEMORY' })));
    results.holds('undefined', undefined);
    expect(sent).toEqual([
      { name: 'a step', passed: false, error: 'ERR_OUT_OF_MEMORY: no room' },
      { name: 'undefined', passed: false },
    ]);
  });
});

describe('what nvidia-smi tells', () => {
  const path = process.env.PATH;
  afterEach(() => {
    process.env.PATH = path;
    delete process.env.CUDA_VISIBLE_DEVICES;
  });

  /** Answers with the card it was asked about, and megabytes. */
  function fakeSmi(name: string): void {
    const folder = mkdtempSync(join(tmpdir(), 'hyperfit-smi-'));
    const script = `#!/bin/sh
case "$*" in
*=name*) echo "${name}";;
*memory.free*) echo "$2" | sed 's/[^0-9]//g; s/$/000/';;
*memory.used*) echo 512;;
esac
`;
    writeFileSync(join(folder, 'nvidia-smi'), script);
    chmodSync(join(folder, 'nvidia-smi'), 0o755);
    process.env.PATH = `${folder}:${path}`;
  }

  test('name, free and used memory, of the card that libtorch means', () => {
    fakeSmi('NVIDIA H200');
    expect([card.cardName('cuda'), card.statedPeaks(card.cardName('cuda:1'))!.bfloat16]).toEqual(['NVIDIA H200', 989]);
    expect([card.freeMemory('cuda:3'), card.peakMemory('cuda')]).toEqual([3000 * 2 ** 20, 512 * 2 ** 20]);
    process.env.CUDA_VISIBLE_DEVICES = '6,4';
    expect(card.freeMemory('cuda:1')).toBe(4000 * 2 ** 20);
  });

  test('the most particular name counts, and an unknown card states nothing', () => {
    expect([
      card.statedPeaks('NVIDIA H100 PCIe')!.bfloat16,
      card.statedPeaks('NVIDIA H100 80GB HBM3')!.bfloat16,
      card.statedPeaks('NVIDIA L40S')!.bfloat16,
    ]).toEqual([756, 989, 362]);
    expect([card.statedPeaks('Voodoo 2'), card.statedPeaks(undefined)]).toEqual([undefined, undefined]);
  });

  test('without it the cards are those that doctor lists, and nothing is known of one that it does not', () => {
    process.env.PATH = mkdtempSync(join(tmpdir(), 'hyperfit-no-smi-'));
    card.askForCards(() => [
      { name: 'NVIDIA L4', totalBytes: 24, freeBytes: 20 },
      { name: 'NVIDIA T4', totalBytes: 16, freeBytes: null },
    ]);
    expect([card.cardName('cuda'), card.freeMemory('cuda:0'), card.peakMemory('cuda')]).toEqual(['NVIDIA L4', 20, 4]);
    expect([card.cardName('cuda:1'), card.freeMemory('cuda:1'), card.peakMemory('cuda:1')]).toEqual(['NVIDIA T4', undefined, undefined]);
    card.askForCards(() => []);
    expect([card.cardName('cuda'), card.freeMemory('cuda'), card.peakMemory('cuda')]).toEqual([undefined, undefined, undefined]);
  });
});
