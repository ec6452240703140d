import { BYTE_LEVEL_RECIPES } from '../../lib/tokenizer/byte-level-recipes.ts';
import { CLASS_PIPELINES } from '../../lib/tokenizer/class-pipelines.ts';
import { checkExpressions, hasNestedRepetition } from '../../lib/tokenizer/regex-guard.ts';

const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });
const refused = expect.objectContaining({ code: 'ERR_TOKENIZER' });

test.each(['(a+)+$', '(a|aa)+$', '(.*)*x', '(?:(x+)y?)*', '((a|ab)c)+', '([^]]+)*', '(\\(+)*', '(a{2,})*', '(?i:a*){3,}'])('%s repeats what repeats', (pattern) => {
  expect(hasNestedRepetition(pattern)).toBe(true);
});

test.each(['a+b*', '(a+)', '(a+)?', '(ab){2}', '[(+)*]+', '\\(a+\\)+', '(?=(\\d{3})+(?!\\d))', '\\s+(?!\\S)|\\s+', "(?i:'s|'t)?", '[^\\r\\n]?\\p{L}+', '[]+]+', 'a{2,}b', '(?:\\p{L}|\\p{M})+', '(a|b)*'])('%s does not', (pattern) => {
  expect(hasNestedRepetition(pattern)).toBe(false);
});

test('the expressions of all known models pass', () => {
  for (const { preTokenizer } of BYTE_LEVEL_RECIPES.values()) checkExpressions({ pre_tokenizer: preTokenizer }, 'tokenizer.json');
  for (const { parts } of Object.values(CLASS_PIPELINES)) checkExpressions(parts({ addPrefixSpace: true, legacy: false, unkToken: '<unk>' }), 'tokenizer.json');
});

test('expressions are found wherever they stand', () => {
  const nested = { type: 'Sequence', pretokenizers: [{ type: 'Sequence', pretokenizers: [split('(a+)+')] }] };
  expect(() => checkExpressions({ pre_tokenizer: nested }, 'x')).toThrow(refused);
  expect(() => checkExpressions({ normalizer: { type: 'Replace', pattern: { Regex: '(a+)+' }, content: '' } }, 'x')).toThrow(/`normalizer` in x, got "\(a\+\)\+"/);
});

test('replacements that multiply are refused, and those that real files have are not', () => {
  const replace = (from: string, to: string) => ({ type: 'Replace', pattern: { String: from }, content: to });
  expect(() => checkExpressions({ normalizer: { type: 'Sequence', normalizers: Array.from({ length: 10 }, () => replace('a', 'aaaaaaaaaa')) } }, 'x')).toThrow(refused);
  expect(() => checkExpressions({ normalizer: { type: 'Sequence', normalizers: [replace(' ', '▁'), replace('``', '"'), replace("''", '"')] } }, 'x')).not.toThrow();
});
