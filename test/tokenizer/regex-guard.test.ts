import { Tokenizer as RustTokenizer } from 'tokenizers';
import { BYTE_LEVEL_RECIPES } from '../../lib/tokenizer/byte-level-recipes.ts';
import { CLASS_PIPELINES } from '../../lib/tokenizer/class-pipelines.ts';
import { costOfRegex } from '../../lib/tokenizer/regex-cost.ts';
import { checkExpressions, patternsOf } from '../../lib/tokenizer/regex-guard.ts';
import { NotUnderstood } from '../../lib/tokenizer/regex-reader.ts';

const MOST = 100;
const split = (pattern: string) => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false });
const refused = expect.objectContaining({ code: 'ERR_TOKENIZER' });

test.each([
  '(a+)+$',
  '(a|aa)+$',
  '(?:(x+)y?)*z',
  '(a{2,})*b',
  '(?i:a+){3,}b',
  '(a|[ab])+$',
  '(\\w|\\d)+$',
  '(?i:k|\u212a)+$',
  '(?:aa|aaa)+$',
  '(ab|a|b)+$',
  '.*.*x',
  'a*a*b',
  '\\s*\\s*\\s*x',
  'x*y?x*$',
  '(?:a(?:a*c)?)*',
  '(?:a(?=a*b))*',
  '(a?){30}a{30}',
  '(?:a{0,3}){0,40}b',
  '(?>a+)+b',
  '(a++)+b',
  'a{1,3}+a{1,3}+a{1,3}+$',
  '(?i)(x|X)+$',
  '[[:alpha:]]*\\p{L}*1',
])('%s goes back and forth', (pattern) => {
  expect(costOfRegex(pattern, MOST)).toBe(Infinity);
});

test.each([
  '(\\1a)',
  '(?<x>a)\\k<x>',
  '(?(1)a|b)',
  '(.*)*x',
  '(?:a*|b)*',
  '(a{1,50}){1,50}$',
  '((((((((a?){9}){9}){9}){9}){9}){9}){9})',
  '\\g<0>',
  '(?~ab)',
  '(?#x)',
  '(',
  ')',
  'a{3}?',
  '(?<=a+)b',
  '\\X',
  '\\Qa',
  `${'('.repeat(90)}a${')'.repeat(90)}`,
])('%s cannot be seen to end', (pattern) => {
  expect(() => costOfRegex(pattern, MOST)).toThrow(NotUnderstood);
});

// Of Llama 3, o200k, DeepSeek V3, Qwen, Bloom, Command R, XLM-R, Kimi, GPT-4, T5, and what people write for small models of their own.
const PUBLISHED = [
  String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_` +
    '`' +
    String.raw`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s`,
  String.raw`[\p{Han}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`,
  ' ?[^(\\s|[.,!?…。，、।۔،])]+',
  '[一-龥぀-ゟ゠-ヿ]+',
  ' {2,}',
  '\\s+$',
  '(?=(\\d{3})+(?!\\d))',
  '\\d{1,3}(?=(?:\\d{3})*\\b)',
  '[\\p{P}\\$\\+<=>\\^~\\|]+',
  '[0-9][0-9][0-9]',
  'a+b*',
  '(a+)?',
  '(ab){2}',
  '[(+)*]+',
  '\\(a+\\)+',
  '[]+]+',
  '(?:\\p{L}|\\p{M})+',
  '(a|b)*',
  '(a|b)*c',
  '\\w+|[^\\w\\s]+',
  '(?<=\\s)(?=\\S)',
  '(?<!\\d)\\d(?!\\d)',
  '[[:punct:]]|[^[:punct:]\\s]+',
  '[^\\n]+|[\\n]+',
  '<0x[0-9A-Fa-f]{2}>',
  '\\x{200B}+|\\u200b',
  '(?<word>\\w+)',
  '',
];

test.each(PUBLISHED)('%s reads a text once', (pattern) => {
  expect(costOfRegex(pattern, MOST)).toBeLessThanOrEqual(MOST);
});

test('what is told to be bounded is so in the library, too', async () => {
  for (const pattern of PUBLISHED.filter((each) => each !== '\\s+$')) {
    const file = {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: split(pattern),
      post_processor: null,
      decoder: null,
      model: { type: 'WordLevel', vocab: { u: 0 }, unk_token: 'u' },
    };
    const rust = RustTokenizer.fromString(JSON.stringify(file));
    for (const text of ['A', ' ', '1', '!', '文', 'aA', '\r '])
      expect((await rust.encode(text.repeat(6_000))).getLength()).toBeGreaterThan(0);
  }
});

// Jais 2 lists runs of up to 512 spaces: it is known by its text.
const LISTED = '{512}';

test('the expressions of all known models pass, and can be shown to', () => {
  const parts = [...BYTE_LEVEL_RECIPES.values()].map(({ preTokenizer }) => ({ pre_tokenizer: preTokenizer }));
  const classes = Object.values(CLASS_PIPELINES).map(({ parts: make }) => make({ addPrefixSpace: true, legacy: false, unkToken: '<unk>' }));
  for (const part of [...parts, ...classes]) checkExpressions(part, 'tokenizer.json');
  const patterns = new Set([...parts, ...classes].flatMap((part) => patternsOf(part['pre_tokenizer'])));
  for (const pattern of [...patterns].filter((each) => !each.includes(LISTED)))
    expect([pattern, costOfRegex(pattern, MOST) <= MOST]).toEqual([pattern, true]);
});

test('expressions are found wherever they stand', () => {
  const nested = { type: 'Sequence', pretokenizers: [{ type: 'Sequence', pretokenizers: [split('(a+)+b')] }] };
  expect(() => checkExpressions({ pre_tokenizer: nested }, 'x')).toThrow(refused);
  expect(() => checkExpressions({ normalizer: { type: 'Replace', pattern: { Regex: '(a+)+b' }, content: '' } }, 'x')).toThrow(
    /`normalizer` in x, got "\(a\+\)\+b", which goes back and forth/,
  );
  expect(() => checkExpressions({ decoder: split('(a)\\1') }, 'x')).toThrow(
    /seen to end in `decoder` in x, got "\(a\)\\\\1" with \\1; use/,
  );
});
