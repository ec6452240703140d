import { CitationBlocker, type CitationBlockerOptions } from '../../lib/generate/citation-blocker.ts';
import { generate, type Generator } from '../../lib/generate/generate.ts';
import type { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { Model } from '../../lib/model/model.ts';
import { TINY_MODEL } from '../train/tiny.ts';

let model: Model;
beforeAll(async () => {
  model = await Model.load(TINY_MODEL);
});
afterAll(() => model.dispose());

/** The tiny model, as if its tokenizer knew fewer ids than it has rows, or more. */
function withTokenizerOf(vocabSize: number): Generator & { tokenizer: Tokenizer } {
  const { wordStarts, foldedIds } = { wordStarts: model.requireTokenizer().wordStarts(), foldedIds: model.requireTokenizer().foldedIds() };
  const fit = <A extends Uint8Array | Int32Array>(values: A, fill: (id: number) => number): A =>
    (values.constructor as unknown as { from: (list: number[]) => A }).from(
      Array.from({ length: vocabSize }, (_, id) => values[id] ?? fill(id)),
    );
  const tokenizer = new Proxy(model.requireTokenizer(), {
    get(target, name) {
      if (name === 'vocabSize') return vocabSize;
      if (name === 'wordStarts') return () => fit(wordStarts, () => 0);
      if (name === 'foldedIds') return () => fit(foldedIds, (id) => id);
      const value = Reflect.get(target, name, target) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { handle: model.handle, config: model.config, eosTokenIds: [], tokenizer };
}

const EXACT: Partial<CitationBlockerOptions> = { matchLength: 2, waitForWordEnd: false };

describe.each([
  ['33 ids fewer than rows, as of Qwen', 267],
  ['one id more than rows', 301],
  ['as many ids as rows', 300],
])('A tokenizer with %s', (_, vocabSize) => {
  test.each([EXACT, { ...EXACT, matchUnit: 'word' as const }, { matchLength: 2 }, { ...EXACT, normalization: 'fold' as const }])(
    'blocks as documented: %p',
    async (rule) => {
      const generator = withTokenizerOf(vocabSize);
      const options = { maxNewTokens: 24, suppressIds: [0, 1] };
      const [free] = await generate(generator, [[5, 60, 7]], options);
      const blocker = await CitationBlocker.create({ sequences: [free!.ids], tokenizer: generator.tokenizer, ...rule });
      const [blocked] = await generate(generator, [[5, 60, 7]], { ...options, citationBlocker: blocker });
      expect(blocked!.ids).toHaveLength(24);
      if (rule.waitForWordEnd === false && rule.matchUnit === undefined) {
        expect(blocked!.interventions).toBeGreaterThan(0);
        expect(Array.from(blocked!.ids.subarray(0, 3))).not.toEqual(Array.from(free!.ids.subarray(0, 3)));
      }
      blocker.dispose();
    },
  );
});

test('a context may hold ids beyond the tokenizer, and count', async () => {
  const generator = withTokenizerOf(267);
  for (const matchUnit of ['token', 'word'] as const) {
    const blocker = await CitationBlocker.create({
      sequences: [[280, 290, 7, 8]],
      tokenizer: generator.tokenizer,
      vocabSize: 300,
      ...EXACT,
      countPrompt: true,
      matchUnit,
    });
    expect(Array.from(blocker.bannedAfter(Int32Array.of(5, 280, 290)))).toEqual([7]);
    const [generation] = await generate(generator, [[5, 280, 290]], {
      maxNewTokens: 1,
      citationBlocker: blocker,
      logitBias: new Map([[7, 1000]]),
    });
    expect(generation!.ids[0]).not.toBe(7);
    blocker.dispose();
  }
});

test('a disposed blocker says so, for every size of vocabulary', async () => {
  const generator = withTokenizerOf(267);
  const blocker = await CitationBlocker.create({ sequences: [[5, 6, 7]], tokenizer: generator.tokenizer });
  const work = generate(generator, [[5]], { maxNewTokens: 2, citationBlocker: blocker }).catch((error: unknown) => error);
  blocker.dispose();
  blocker.dispose();
  await work;
  await expect(generate(generator, [[5]], { citationBlocker: blocker })).rejects.toMatchObject({ code: 'ERR_DISPOSED' });
  expect(() => blocker.bannedAfter(Int32Array.of(5))).toThrow(expect.objectContaining({ code: 'ERR_DISPOSED' }));
});

test.each([[[[1.5]]], [[[Number.NaN]]], [[['7']]], [[7]], ['text'], [null]])('sequences that are %p are refused', async (sequences) => {
  await expect(CitationBlocker.create({ sequences: sequences as unknown as number[][], vocabSize: 300 })).rejects.toMatchObject({
    name: 'HyperfitError',
    code: 'ERR_DATA',
  });
});

test.each([[[[300]]], [[[-1]]]])('ids outside the vocabulary are refused: %p', async (sequences) => {
  await expect(CitationBlocker.create({ sequences, vocabSize: 300 })).rejects.toMatchObject({ code: 'ERR_DATA' });
});
