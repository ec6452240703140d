import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadTokenizer } from '../../lib/model/tokenizer-files.ts';

/** Vocabularies of llama.cpp with its recorded ids: texts parted by a line, and a line of ids for each. */
const FOLDER = process.env['HYPERFIT_VOCABULARIES'] ?? join(__dirname, '..', '..', '..', 'shared', 'cases', 'vocab');
const BREAK = '\n__ggml_vocab_test__\n';

function readCases(path: string): [text: string, ids: number[]][] {
  const lines = readFileSync(`${path}.out`, 'utf8').trimEnd().split('\n');
  const texts = readFileSync(`${path}.inp`, 'utf8').split(BREAK);
  return lines.map((line, index) => [texts[index]!, line.trim() === '' ? [] : line.trim().split(/\s+/).map(Number)]);
}

const NAMES = [
  'deepseek-llm',
  'deepseek-coder',
  'starcoder',
  'gpt-2',
  'llama-spm',
  'llama-bpe',
  'qwen2',
  'deepseek-r1-qwen',
  'command-r',
  'falcon',
  'mpt',
  'refact',
  'phi-3',
];
const isThere = (name: string): boolean => existsSync(join(FOLDER, `ggml-vocab-${name}.gguf`));

describe('The ids that llama.cpp recorded for its vocabularies, which have no weights', () => {
  for (const name of NAMES) {
    (isThere(name) ? test : test.skip)(`${name}${isThere(name) ? '' : ': no such vocabulary here'}`, async () => {
      const path = join(FOLDER, `ggml-vocab-${name}.gguf`);
      const tokenizer = await loadTokenizer(path);
      const cases = readCases(path);
      expect(cases.length).toBeGreaterThan(20);
      for (const [text, ids] of cases) {
        const got = Array.from(await tokenizer.encode(text, { addSpecialTokens: false }));
        expect({ text, ids: got }).toEqual({ text, ids });
      }
    });
  }
});
