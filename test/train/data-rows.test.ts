import { IGNORE_INDEX } from '../../lib/data/batch.ts';
import { prepareTrainingData, type TrainingData } from '../../lib/train/training-data.ts';

/** Letters are ids; a dialogue is its contents. */
const tokenizer = {
  eosTokenIds: [1],
  encode: async (text: string) => Int32Array.from([...text], (letter) => letter.codePointAt(0)!),
};
const model = { tokenizer, config: { vocabSize: 0x10ffff, maxPositionEmbeddings: 64 } };
const settings = {
  samples: null,
  sampleSelection: 'first',
  sequenceLength: 8,
  windows: 'auto',
  unwrap: false,
  appendEos: false,
  trainOn: 'assistant',
  seed: 0,
} as const;
const prepare = (data: unknown) => prepareTrainingData(data as TrainingData, model, settings);
const codes = (text: string): number[] => [...text].map((letter) => letter.codePointAt(0)!);

describe('Rows in an array', () => {
  test('of a prompt and its completion are one sequence each', async () => {
    const { sequences } = await prepare([{ prompt: 'ab', completion: 'cd' }]);
    expect(sequences.map(({ ids, targets, source }) => [Array.from(ids), Array.from(targets!), source])).toEqual([
      [[...codes('abcd'), 1], [IGNORE_INDEX, ...codes('cd'), 1, IGNORE_INDEX], 'data[0]'],
    ]);
  });

  test('are read as those of files, empty ones counted and halves of characters replaced', async () => {
    const { sequences, warnings } = await prepare([{ text: 'one' }, { text: null }, 'a\ud800b']);
    expect(sequences.map(({ ids }) => Array.from(ids))).toEqual([codes('one'), codes('a\ufffdb')]);
    expect(warnings.join('\n')).toMatch(/1 row whose text or answer is null[^]*U\+FFFD/);
  });

  test('of plain ids are sequences', async () => {
    expect((await prepare([{ ids: [1, 2] }])).sequences).toMatchObject([{ ids: Int32Array.of(1, 2), source: 'data[0]' }]);
  });

  test.each<[string, unknown[], RegExp]>([
    ['a picture', [{ messages: [{ role: 'user', content: [{ type: 'image' }] }] }], /at data\[0\], got "messages"\[0\] holds "image"/],
    ['preferences', ['a', { prompt: 'a', chosen: 'b', rejected: 'c' }], /at data\[1\], got preference data/],
    ['nothing', [null], /data\[0\]/],
  ])('that hold %s are refused', async (_, data, message) => {
    await expect(prepare(data)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(message) });
  });
});
