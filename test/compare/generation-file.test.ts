import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readVariants } from '../../lib/compare/generation-file.ts';
import { temporaryFolder, writeLines } from './samples.ts';

const folder = temporaryFolder();
const words = (ids: ArrayLike<number>): string => Array.from(ids, (id) => `w${id}`).join(' ');
/** Takes a first space off a text, as that of Llama 2. */
const decoder = {
  encode: async (text: string): Promise<Int32Array> => Int32Array.from({ length: text.split(' ').length }),
  decode: async (ids: ArrayLike<number>): Promise<string> => words(ids),
  decodeContinuation: (promptIds: ArrayLike<number>, ids: ArrayLike<number>): string =>
    promptIds.length > 0 ? ` ${words(ids)}` : words(ids),
};

test('lines of text, named by their file or by hand', async () => {
  const path = writeLines(join(folder, 'greedy.jsonl'), [
    { context: 'a', continuation: ' b', original: ' c', source: 's', other: 1 },
    { context: 'd', continuation: '' },
  ]);
  expect(await readVariants(path)).toEqual([
    {
      name: 'greedy',
      file: path,
      texts: [
        { context: 'a', continuation: ' b', original: ' c', source: 's', isOriginalCut: false },
        { context: 'd', continuation: '', isOriginalCut: false },
      ],
    },
  ]);
  expect((await readVariants(`my model=${path}`))[0]!.name).toBe('my model');
});

test('a right answer is never cut to the length of the one beside it', async () => {
  const path = writeLines(join(folder, 'answers.jsonl'), [{ context: [1], continuation: [3], original: [5, 6, 7], isAnswer: true }]);
  expect((await readVariants(path, decoder))[0]!.texts).toEqual([
    { context: 'w1', continuation: ' w3', original: ' w5 w6 w7', isOriginalCut: true },
  ]);
});

test('a run without a closing comparison says what to compare instead', async () => {
  const run = join(folder, 'uncompared');
  mkdirSync(join(run, 'generations'), { recursive: true });
  const refused = (text: RegExp): Error => expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(text) }) as Error;
  await expect(readVariants(run)).rejects.toThrow(refused(/uncompared without run\.json; check the path/));
  writeFileSync(join(run, 'run.json'), '{}');
  await expect(readVariants(run)).rejects.toThrow(refused(/without comparison\.json: nothing was held out.*hyperfit generate --prompts/));
  for (const step of ['000000', '000008'])
    writeLines(join(run, 'generations', `step-${step}.jsonl`), [{ context: 'a', continuation: step }]);
  await expect(readVariants(run)).rejects.toThrow(refused(/before=.*step-000000\.jsonl after=.*step-000008\.jsonl/));
});

test('lines of ids as a run writes them, with text beside them or decoded', async () => {
  const line = { context: [1, 2], continuation: [3, 4], text: ' told', original: [5, 6, 7] };
  const path = writeLines(join(folder, 'step.jsonl'), [line]);
  await expect(readVariants(path)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(/the context of "step" as ids only .*`tokenizer`/) }),
  );
  expect((await readVariants(path, decoder))[0]!.texts).toEqual([
    { context: 'w1 w2', continuation: ' w3 w4', original: ' w5 w6', isOriginalCut: true },
  ]);
  const told = writeLines(join(folder, 'told.jsonl'), [{ ...line, contextText: 'Once', originalText: ' it was so' }]);
  expect((await readVariants(told))[0]!.texts).toEqual([
    { context: 'Once', continuation: ' told', original: ' it was so', isOriginalCut: false },
  ]);
});

test('the comparison of a run, by file or folder, holds several variants', async () => {
  const run = join(folder, 'run');
  mkdirSync(run);
  const variant = (name: string, text: string): object => ({
    name,
    isHyperfitted: true,
    decoding: 'greedy',
    result: { ttr: 1, generations: [{ promptIds: [1], ids: [2, 3], text, pieces: [] }] },
  });
  writeFileSync(
    join(run, 'comparison.json'),
    JSON.stringify({
      schemaVersion: 1,
      contexts: [{ context: [1], original: [7, 8, 9], source: 'x:1', contextText: 'Once', originalText: ' upon a time' }],
      variants: [variant('one', ' A'), variant('two', ' B')],
    }),
  );
  const expected = [
    [' A', 'one'],
    [' B', 'two'],
  ].map(([continuation, name]) => ({
    name,
    file: join(run, 'comparison.json'),
    texts: [{ context: 'Once', continuation, original: ' upon a time', source: 'x:1', isOriginalCut: false }],
  }));
  expect(await readVariants(run)).toEqual(expected);
  expect(await readVariants(join(run, 'comparison.json'))).toEqual(expected);
  expect((await readVariants(run, decoder))[0]!.texts).toEqual([
    { context: 'w1', continuation: ' w2 w3', original: ' w7 w8', source: 'x:1', isOriginalCut: true },
  ]);
});

test('ids after a context that is text keep their first space too', async () => {
  const path = writeLines(join(folder, 'half.jsonl'), [{ context: 'Once upon', continuation: [3, 4] }]);
  expect((await readVariants(path, decoder))[0]!.texts).toEqual([{ context: 'Once upon', continuation: ' w3 w4', isOriginalCut: false }]);
});

test('what generate --json prints', async () => {
  const path = join(folder, 'generated.json');
  writeFileSync(path, JSON.stringify({ schemaVersion: 1, generations: [{ promptIds: [1], ids: [2], text: 'x', finishReason: 'length' }] }));
  expect(await readVariants(path, decoder)).toEqual([
    { name: 'generated', file: path, texts: [{ context: 'w1', continuation: ' w2', isOriginalCut: false }] },
  ]);
});

test.each([
  ['nothing.jsonl', undefined, /nothing\.jsonl: ENOENT/],
  ['empty.jsonl', '\n\n', /got none in/],
  ['broken.jsonl', '{"context": "a", "continuation": "b"}\n{', /broken\.jsonl:2/],
  ['short.jsonl', '{"context": "a"}', /continuation: .* at .*short\.jsonl:1/],
  ['numbers.jsonl', '{"context": [1.5], "continuation": "b"}', /context.*numbers\.jsonl:1/],
  ['other.json', '{"generations": 3}', /other contents/],
])('refuses %s', async (name, contents, message) => {
  const path = join(folder, name);
  if (contents !== undefined) writeFileSync(path, contents);
  await expect(readVariants(path, decoder)).rejects.toThrow(
    expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) }),
  );
});
