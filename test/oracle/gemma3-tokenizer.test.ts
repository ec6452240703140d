import { openModelFiles } from '../../lib/model/model-files.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';
import { findGemma3, gemma3Expectation as expected } from './gemma3-file.ts';

const BOS = 2;
/**
 * Of a GGUF file the tokens that llama.cpp ends a text at are control tokens: <end_of_turn>, and </s>, a plain token in the model's own
 * tokenizer.json.
 */
const END_OF_OTHERS = '</s>';
const file = findGemma3();

function declareTokenizerTests(): void {
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    const { tokenizer: files } = await openModelFiles(file!);
    tokenizer = await Tokenizer.fromFiles(files!);
  }, 60_000);

  test('awkward strings become the ids that its own tokenizer.json gives, and texts again', async () => {
    for (const [index, text] of expected.strings.entries()) {
      const ids = Array.from(await tokenizer.encode(text));
      expect({ text, ids }).toEqual({ text, ids: expected.ids[index] });
      expect(await tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(expected.decoded[index]!.replaceAll(END_OF_OTHERS, ''));
    }
  });

  test('a text starts with BOS', async () => {
    expect([tokenizer.bosTokenId, (await tokenizer.encode('text'))[0], [...tokenizer.eosTokenIds]]).toEqual([BOS, BOS, [1, 106, 212]]);
  });
}

if (file === undefined)
  describe.skip('The tokenizer of Gemma 3 270M (the GGUF is not in the cache; run `node scripts/setup.mjs gemma`)', declareTokenizerTests);
else describe('The tokenizer of Gemma 3 270M', declareTokenizerTests);
