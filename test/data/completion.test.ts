import fc from 'fast-check';
import { IGNORE_INDEX } from '../../lib/data/batch.ts';
import { encodeCompletion } from '../../lib/data/completion.ts';
import { encodeWhole } from '../../lib/data/encoded-document.ts';
import { makeContexts } from '../../lib/data/selection.ts';
import { cutSequences } from '../../lib/data/sequences.ts';

/** Letters are ids, but for "ab", which is one; a start token before every text, as Llama's tokenizer puts it, and maybe an end. */
function makeTokenizer({ ends = [1], addsEnd = false } = {}) {
  return {
    bosTokenId: 0,
    eosTokenIds: ends,
    encode: async (text: string) =>
      Int32Array.from([
        0,
        ...(text.match(/ab|[^]/g) ?? []).map((piece) => (piece === 'ab' ? 2 : piece.codePointAt(0)!)),
        ...(addsEnd ? [1] : []),
      ]),
  };
}
const encode = (prompt: string, completion: string, tokenizer = makeTokenizer()) =>
  encodeCompletion({ source: 's', prompt, completion }, tokenizer, 'assistant');
const codes = (text: string) => [...text].map((letter) => letter.codePointAt(0)!);

describe('A prompt and its completion', () => {
  test('is the ids of one text and an end, of which the completion is learnt', async () => {
    const { ids, targets } = await encode('xy', 'zw');
    expect(Array.from(ids)).toEqual([0, ...codes('xyzw'), 1]);
    expect(Array.from(targets!)).toEqual([IGNORE_INDEX, IGNORE_INDEX, ...codes('zw'), 1, IGNORE_INDEX]);
  });

  test('gives a token across the border to the completion', async () => {
    const { ids, targets } = await encode('xa', 'bc');
    expect(Array.from(ids)).toEqual([0, ...codes('x'), 2, ...codes('c'), 1]);
    expect(Array.from(targets!)).toEqual([IGNORE_INDEX, 2, ...codes('c'), 1, IGNORE_INDEX]);
  });

  test('has one end where the tokenizer puts it itself, and none where it knows none', async () => {
    const added = await encode('x', 'y', makeTokenizer({ addsEnd: true }));
    expect([Array.from(added.ids), Array.from(added.targets!)]).toEqual([
      [0, ...codes('xy'), 1],
      [IGNORE_INDEX, ...codes('y'), 1, IGNORE_INDEX],
    ]);
    expect(Array.from((await encode('x', 'y', makeTokenizer({ ends: [] }))).ids)).toEqual([0, ...codes('xy')]);
  });

  test('learns exactly what stands behind the prompt, whatever both are', async () => {
    const tokenizer = makeTokenizer();
    await fc.assert(
      fc.asyncProperty(fc.stringMatching(/^[abc]{0,8}$/), fc.stringMatching(/^[abc]{1,8}$/), async (prompt, completion) => {
        const { ids, targets } = await encode(prompt, completion, tokenizer);
        const learnt = Array.from(targets!).filter((target) => target !== IGNORE_INDEX);
        const text = learnt
          .slice(0, -1)
          .map((id) => (id === 2 ? 'ab' : String.fromCodePoint(id)))
          .join('');
        const across = prompt.endsWith('a') && completion.startsWith('b');
        expect(text).toBe(across ? `a${completion}` : completion);
        expect(targets!.every((target, at) => target === IGNORE_INDEX || target === ids[at + 1])).toBe(true);
      }),
    );
  });

  test('is one sequence, a context that ends before the completion, and all learnt when asked for', async () => {
    const document = { source: 's', prompt: 'xy', completion: 'zw' };
    const [sequence] = await cutSequences([document], makeTokenizer(), { sequenceLength: 2 });
    expect(sequence!.ids.length).toBe(6);
    expect(Array.from(makeContexts([sequence!], 1)[0]!.context)).toEqual([0, ...codes('xy')]);
    expect(Array.from((await encodeWhole([document], makeTokenizer()))[0]!)).toEqual([0, ...codes('xy')]);
    expect((await cutSequences([document], makeTokenizer(), { sequenceLength: 2, trainOn: 'all' }))[0]!.targets).toBeUndefined();
  });

  test('does not learn the end of a turn with which a prompt ends', async () => {
    const { ids, targets } = await encode('x\u0001', 'y');
    expect([Array.from(ids), Array.from(targets!)]).toEqual([
      [0, ...codes('x'), 1, ...codes('y'), 1],
      [IGNORE_INDEX, IGNORE_INDEX, ...codes('y'), 1, IGNORE_INDEX],
    ]);
  });

  test('is encoded apart where one token would hold the whole prompt, with nothing before it', async () => {
    const { encode: withStart } = makeTokenizer();
    const bare = { eosTokenIds: [1], encode: async (text: string) => (await withStart(text)).slice(1) };
    const { ids, targets } = await encodeCompletion({ source: 's', prompt: 'a', completion: 'b' }, bare, 'assistant');
    expect([Array.from(ids), Array.from(targets!)]).toEqual([
      [...codes('ab'), 1],
      [...codes('b'), 1, IGNORE_INDEX],
    ]);
  });

  test('needs a tokenizer', async () => {
    await expect(cutSequences([{ source: 's', prompt: 'a', completion: 'b' }], undefined, { sequenceLength: 2 })).rejects.toMatchObject({
      code: 'ERR_TOKENIZER',
    });
  });
});
