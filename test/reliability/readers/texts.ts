import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ChatTemplate } from '../../../lib/tokenizer/chat-template.ts';
import { rebuildTokenizer } from '../../../lib/tokenizer/gguf-tokenizer.ts';
import { Tokenizer } from '../../../lib/tokenizer/tokenizer.ts';
import { parseGgufHeader } from '../../../lib/model/gguf.ts';
import { MoreBytesNeeded } from '../../../lib/model/gguf-cursor.ts';
import { changedBinary, changedJson, changedText } from '../structured.ts';
import { scratchFolder, type FuzzedReaders } from './reader.ts';

const FIXTURES = join(__dirname, '..', '..', 'fixtures');
const fixture = (...parts: string[]): Buffer => readFileSync(join(FIXTURES, ...parts));
const scratch = scratchFolder();

/** A trie of one unit that leads nowhere, and what it would lead to. */
const CHARSMAP = Buffer.concat([Buffer.from([4, 0, 0, 0]), Buffer.from([0, 0, 0, 0]), Buffer.from('x\0')]).toString('base64');

/** Small, with every kind of part that a tokenizer.json may have. */
const PARTS = [
  {
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: 'x' },
        { type: 'Prepend', prepend: '_' },
        { type: 'NFC' },
        { type: 'Strip', strip_left: true, strip_right: false },
        { type: 'BertNormalizer', clean_text: true, handle_chinese_chars: true, strip_accents: null, lowercase: true },
      ],
    },
  },
  {
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: '(?:[a-z]|\\s){1,3}(?=b|[^c]+)|\\p{L}+' }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
        { type: 'Digits', individual_digits: true },
        { type: 'Metaspace', replacement: '_', prepend_scheme: 'always', split: true },
      ],
    },
  },
  {
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: 'b', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { b: { id: 'b', ids: [1], tokens: ['b'] } },
    },
  },
  {
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '_' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
        { type: 'WordPiece', prefix: '##', cleanup: true },
      ],
    },
  },
  {
    model: {
      type: 'Unigram',
      unk_id: 0,
      byte_fallback: true,
      vocab: [
        ['<unk>', 0],
        ['a', -1.5],
        ['b', -2],
        ['ab', -0.5],
        ['<0x0A>', -9],
      ],
    },
    normalizer: { type: 'Precompiled', precompiled_charsmap: CHARSMAP },
  },
  {
    model: {
      type: 'WordPiece',
      unk_token: '<unk>',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: { '<unk>': 0, a: 1, '##b': 2 },
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
  },
  {
    model: { type: 'WordLevel', unk_token: '<unk>', vocab: { '<unk>': 0, a: 1, ab: 2 } },
    pre_tokenizer: { type: 'Whitespace' },
    post_processor: { type: 'BertProcessing', sep: ['b', 1], cls: ['a', 0] },
  },
  {
    model: {
      type: 'BPE',
      dropout: 0.5,
      unk_token: 'a',
      fuse_unk: true,
      byte_fallback: true,
      continuing_subword_prefix: '##',
      end_of_word_suffix: '</w>',
      vocab: { a: 0, b: 1, 'b</w>': 2, 'ab</w>': 4 },
      merges: ['a b</w>'],
    },
    truncation: { direction: 'Right', max_length: 4, strategy: 'LongestFirst', stride: 0 },
    padding: { strategy: { Fixed: 8 }, direction: 'Left', pad_to_multiple_of: 4, pad_id: 0, pad_type_id: 0, pad_token: 'a' },
  },
].map((part) =>
  JSON.stringify({
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [{ id: 3, content: '<s>', single_word: false, lstrip: false, rstrip: false, normalized: false, special: true }],
    normalizer: null,
    pre_tokenizer: null,
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: { a: 0, b: 1, ab: 2 },
      merges: [['a', 'b']],
    },
    ...part,
  }),
);
const TEXTS = ['ab  ba <s> \u00e9\u{1f600}', 'a'.repeat(300), ' \t\n'.repeat(100), '\u0301'.repeat(100)];

/** Loads, and goes there and back with a few texts. */
async function useTokenizer(folder: string): Promise<void> {
  const tokenizer = await Tokenizer.fromFiles({ kind: 'folder', folder });
  for (const text of TEXTS) await tokenizer.decode(await tokenizer.encode(text));
}

function tokenizerFolder(name: string, changed: string): (bytes: Buffer) => unknown {
  const folder = join(scratch, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'tokenizer.json'), PARTS[0]!);
  return async (bytes) => {
    writeFileSync(join(folder, changed), bytes);
    await useTokenizer(folder);
  };
}

const renderings = (JSON.parse(fixture('jinja.json').toString('utf8')) as { renderings: { template: string }[] }).renderings.map(
  ({ template }) => template,
);
const published = Object.values(
  (JSON.parse(fixture('chat.json').toString('utf8')) as { templates: Record<string, { template: string }> }).templates,
).map(({ template }) => template);
const TEMPLATE_WORDS = [
  '{% for m in messages %}',
  '{% for i in range(100000) %}',
  '{% endfor %}',
  '{% if x %}',
  '{% else %}',
  '{% endif %}',
  '{{ messages }}',
  '{{',
  '}}',
  '{%',
  '%}',
  '{#',
  '#}',
  '-%}',
  '{%- set a = [a, a] %}',
  '{% set a = a ~ a %}',
  '{% macro m(x) %}',
  '{% endmacro %}',
  '{{ m(m) }}',
  "|replace('', 'xxxxxxxxxx')",
  '|list',
  '|join(a)',
  '|tojson',
  '|map(attribute="content")',
  '|sort',
  '|length',
  '|string',
  '|upper',
  '|trim',
  '|indent(9999)',
  '|batch(2)',
  '|groupby("role")',
  '|unique',
  '|sum',
  '|wordcount',
  '|urlize',
  ' * 100000',
  ' ** 99',
  ' // 0',
  '[::-1]',
  '[1:]',
  '.__class__',
  '.items()',
  '.split()',
  ".format('{:>99999}')",
  "'%99999d' % 1",
  ' in ',
  ' == ',
  ' is defined',
  'namespace(a=1)',
  'loop.index',
  'raise_exception("x")',
  'strftime_now("%Y")',
  '{% set ns = namespace(x="ab") %}',
  '{% set ns.x = ns.x ~ ns.x %}',
  'ns.x',
  'range(99999999)',
  'range(3)|list',
  "'ab' * 1000000",
  '[[1]] * 1000',
  '{% generation %}',
  '{% endgeneration %}',
  'lipsum(9)',
  'cycler(1)',
  'dict(a=1)',
  '9'.repeat(400),
  '1e308',
  '\\x',
  "'",
  '"',
  '(',
  ')',
  '[',
  ']',
  '~',
];
const MESSAGES = [
  { role: 'system', content: 'Be \u00e9.' },
  { role: 'user', content: 'Where <b>is</b> it?' },
  { role: 'assistant', content: 'There.\n\n'.repeat(20) },
  { role: 'user', content: 'And \u{1f600} now?' },
];

function renderTemplate(bytes: Buffer): void {
  const template = new ChatTemplate(bytes.toString('utf8'), { bos_token: '<s>', eos_token: '</s>' }, 'x');
  template.track(MESSAGES, { tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'object' } } }] });
}

const GGUF_TOKENIZERS = ['tokenizer-llama.gguf', 'tokenizer-qwen2.gguf', 'tokenizer-gpt-2.gguf'].map((name) => fixture('files', name));

export const TEXT_READERS: FuzzedReaders = {
  tokenizer: { make: changedJson(PARTS), read: tokenizerFolder('parts', 'tokenizer.json'), share: 0.5 },
  'tokenizer config': {
    make: changedJson([
      fixture('models', 'tiny-text', 'tokenizer_config.json').toString('utf8'),
      '{"tokenizer_class":"LlamaTokenizer","bos_token":{"content":"<s>"},"eos_token":"b","add_bos_token":true,"added_tokens_decoder":{"3":{"content":"<s>","special":true}},"chat_template":[{"name":"default","template":"{{ x }}"}]}',
    ]),
    read: tokenizerFolder('config', 'tokenizer_config.json'),
  },
  'special tokens of a tokenizer': {
    make: changedJson([
      '{"bos_token":{"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false},"eos_token":"b","unk_token":null,"additional_special_tokens":["a",{"content":"ab"}]}',
    ]),
    read: tokenizerFolder('map', 'special_tokens_map.json'),
  },
  'added tokens of a tokenizer': {
    make: changedJson(['{"<x>":5,"<y>":6}']),
    read: tokenizerFolder('added', 'added_tokens.json'),
    share: 0.5,
  },
  'tokenizer of a GGUF': {
    make: changedBinary(GGUF_TOKENIZERS, 3000),
    read: (bytes) => rebuildTokenizer(parseGgufHeader(bytes, bytes.length, 'x').metadata, 'x'),
    isRefusal: (error) => error instanceof MoreBytesNeeded,
    share: 0.2,
  },
  'chat template': {
    make: changedText([...renderings, ...published], TEMPLATE_WORDS, /\{[{%#]|[%#}]\}|\w+|\s+|[^\w\s{}%#]|[{}%#]/g),
    read: renderTemplate,
  },
};
