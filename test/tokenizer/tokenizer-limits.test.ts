import { checkTokenizer } from '../../lib/tokenizer/tokenizer-limits.ts';

const refused = expect.objectContaining({ code: 'ERR_TOKENIZER' });
const check = (part: object) => checkTokenizer({ model: { type: 'BPE', vocab: { a: 0 }, merges: [] }, ...part }, 'x');
const replace = (from: string, to: string) => ({ type: 'Replace', pattern: { String: from }, content: to });
const sequence = (...normalizers: object[]) => ({ normalizer: { type: 'Sequence', normalizers } });

/** A double array of `units` and the texts behind it. */
function charsmap(units: readonly number[], texts: string): object {
  const table = Buffer.alloc(4 * (1 + units.length));
  [4 * units.length, ...units].forEach((unit, at) => table.writeUInt32LE(unit >>> 0, 4 * at));
  return { normalizer: { type: 'Precompiled', precompiled_charsmap: Buffer.concat([table, Buffer.from(texts)]).toString('base64') } };
}

/** "a" (entry 97 of 256) becomes the text at `value`. */
function oneLetter(value: number, texts: string): object {
  const units = Array.from({ length: 512 }, () => 0);
  units[97] = (256 << 10) | 0x100 | 97;
  units[97 ^ 256] = value;
  return charsmap(units, texts);
}

describe('what ends the process in the library is refused', () => {
  test.each([
    ['replacements that multiply', sequence(...Array.from({ length: 10 }, () => replace('a', 'a'.repeat(10))))],
    ['an empty match that becomes a long text', sequence({ type: 'Replace', pattern: { Regex: '(?=x)' }, content: 'y'.repeat(5000) })],
    ['texts put in front', sequence(...Array.from({ length: 3 }, () => ({ type: 'Prepend', prepend: 'x'.repeat(50) })))],
    ['a table without entries', charsmap([], '')],
    ['a table that leads outside', charsmap([0], 'x')],
    ['a table that leads far outside', charsmap([0xffffffff, 1, 2, 3], 'x')],
    ['a text outside', oneLetter(9, 'b\0')],
    ['a text within a character', oneLetter(1, '文\0')],
    ['a long text', oneLetter(0, 'b'.repeat(5000))],
    ['no table', { normalizer: { type: 'Precompiled', precompiled_charsmap: '' } }],
    ['a table that is nothing', { normalizer: { type: 'Precompiled', precompiled_charsmap: null } }],
    ['a table that is left out', { normalizer: { type: 'Sequence', normalizers: [{ type: 'Precompiled' }] } }],
    ['a table that is no base64', { normalizer: { type: 'Precompiled', precompiled_charsmap: 'BAAAAAAAAAB4AA=' } }],
    ['a table with characters between', { normalizer: { type: 'Precompiled', precompiled_charsmap: 'BAAA\nAAAAAAB4AA==' } }],
    [
      'replacements that do not say that they are',
      sequence(...Array.from({ length: 10 }, () => ({ pattern: { String: 'a' }, content: 'a'.repeat(10) }))),
    ],
    [
      'parts without number',
      { decoder: { type: 'Sequence', decoders: [{ type: 'Sequence', decoders: Array.from({ length: 1000 }, () => ({ type: 'Fuse' })) }] } },
    ],
    ['merges into what is no token', { model: { vocab: { a: 0, b: 1 }, merges: [['a', 'b']] } }],
    ['merges into what is longer than any token', { model: { vocab: { aa: 0, 文: 1 }, merges: ['aa 文'] } }],
    ['merges without their prefix', { model: { vocab: {}, merges: ['a b'], continuing_subword_prefix: '##' } }],
    ['merges in pairs without their prefix', { model: { vocab: {}, merges: [['a', '#']], continuing_subword_prefix: '##' } }],
    ['ids without bound', { model: { vocab: { a: 4294967295 }, merges: [] } }],
    ['pieces of nothing', { pre_tokenizer: { type: 'Sequence', pretokenizers: [{ type: 'FixedLength', length: 0 }] } }],
    [
      'a template of tokens that are not there',
      { post_processor: { type: 'TemplateProcessing', single: [{ SpecialToken: { id: 'X', type_id: 0 } }], pair: [], special_tokens: {} } },
    ],
    [
      'a template of two texts for one',
      {
        post_processor: {
          type: 'Sequence',
          processors: [{ type: 'TemplateProcessing', single: [{ Sequence: { id: 'B', type_id: 0 } }], pair: [], special_tokens: {} }],
        },
      },
    ],
  ])('%s', (_, part) => {
    expect(() => check(part)).toThrow(refused);
  });
});

describe('what real files have is taken', () => {
  test.each([
    ['nothing', {}, 1 << 22],
    ['the forms of sentencepiece', sequence({ type: 'Prepend', prepend: '▁' }, replace(' ', '▁')), 1 << 22],
    ['quotes', sequence(replace('``', '"'), replace("''", '"'), { type: 'Replace', pattern: { Regex: ' {2,}' }, content: '▁' }), 1 << 22],
    ['a table', oneLetter(0, 'b\0'), 1 << 22],
    [
      'merges with their prefix',
      { model: { vocab: { '##b': 1, ab: 2 }, merges: ['a ##b', ['a', '##b']], continuing_subword_prefix: '##' } },
      1 << 22,
    ],
    [
      'a template',
      {
        post_processor: {
          type: 'TemplateProcessing',
          single: [{ SpecialToken: { id: 'X', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
          pair: [{ Sequence: { id: 'B', type_id: 0 } }],
          special_tokens: { X: {} },
        },
      },
      1 << 22,
    ],
  ])('%s', (_, part, units) => {
    expect(check(part)).toBe(units);
  });

  test('with shorter pieces of text where it makes that longer', () => {
    expect(check(oneLetter(0, `${'b'.repeat(18)}\0`))).toBe(Math.floor(9_000_000 / 18));
  });
});
