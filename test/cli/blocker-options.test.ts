import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CitationBlocker, type CitationBlockerOptions } from '../../lib/generate/citation-blocker.ts';
import { Model } from '../../lib/model/model.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
const PROMPT = [9, 8, 7];
const NEW_TOKENS = 24;

let model: Model;
let quoted: string;
let sequences: Int32Array[];

beforeAll(async () => {
  model = await Model.load(TINY_MODEL);
  const [free] = await model.generate([Int32Array.from(PROMPT)], { maxNewTokens: NEW_TOKENS });
  // What the model says of itself, context included, and again with another end; what it says then would be a quotation.
  sequences = [Int32Array.of(...PROMPT, ...free!.ids), Int32Array.of(...free!.ids.slice(0, 6), 50, 51), free!.ids.slice(0, 3)];
  quoted = writeIds(join(folder, 'quoted.jsonl'), sequences);
});

afterAll(() => model.dispose());

async function withRule(options: Omit<CitationBlockerOptions, 'sequences'>): Promise<number[]> {
  const citationBlocker = await CitationBlocker.create({
    sequences,
    tokenizer: model.tokenizer,
    vocabSize: model.config.vocabSize,
    ...options,
  });
  const [generation] = await model.generate([Int32Array.from(PROMPT)], { maxNewTokens: NEW_TOKENS, citationBlocker });
  citationBlocker.dispose();
  return Array.from(generation!.ids);
}

async function json(...args: string[]): Promise<Record<string, unknown>> {
  const { code, stdout, stderr } = await cli(...args, '--json');
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout) as Record<string, unknown>;
}

const blocked = (...flags: string[]): Promise<Record<string, unknown>> =>
  json(
    'generate',
    '--model',
    TINY_MODEL,
    '--prompt-ids',
    PROMPT.join(','),
    '--max-new-tokens',
    String(NEW_TOKENS),
    '--citation-blocker',
    quoted,
    ...flags,
  );

const RULES: [string[], Omit<CitationBlockerOptions, 'sequences'>][] = [
  [[], {}],
  [['--match-length', '1', '--no-wait-for-word-end'], { matchLength: 1, waitForWordEnd: false }],
  [['--match-length', '1', '--wait-for-word-end'], { matchLength: 1 }],
  [['--match-length', '3', '--no-wait-for-word-end', '--count-prompt'], { matchLength: 3, waitForWordEnd: false, countPrompt: true }],
  [['--match-length', '1', '--match-unit', 'word', '--no-wait-for-word-end'], { matchLength: 1, matchUnit: 'word', waitForWordEnd: false }],
  [['--match-length', '1', '--banned', 'first', '--no-wait-for-word-end'], { matchLength: 1, banned: 'first', waitForWordEnd: false }],
  [
    ['--match-length', '1', '--sequence-end', 'ban-eos', '--normalization', 'fold', '--no-wait-for-word-end'],
    { matchLength: 1, sequenceEnd: 'ban-eos', normalization: 'fold', waitForWordEnd: false },
  ],
];

describe('generate', () => {
  test.each(RULES)('with %j decodes by the same rule as the library', async (flags, options) => {
    const { generations } = (await blocked(...flags)) as { generations: { ids: number[] }[] };
    expect(generations[0]!.ids).toEqual(await withRule(options));
  });

  test('the rules make a difference', async () => {
    const texts = await Promise.all(RULES.map(([, options]) => withRule(options)));
    expect(new Set(texts.map(String)).size).toBeGreaterThanOrEqual(4);
  });

  test.each([
    [
      'an option without a blocker',
      ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--match-unit', 'word'],
      /ERR_CONFIG.*--citation-blocker beside --match-unit/,
    ],
    [
      'a unit that is none',
      ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--citation-blocker', 'x', '--match-unit', 'letter'],
      /ERR_CONFIG.*--match-unit/,
    ],
    [
      'a blocker without contexts',
      ['evaluate', '--model', TINY_MODEL, '--held-out', 'x.txt', '--citation-blocker', 'x'],
      /ERR_CONFIG.*--contexts beside --citation-blocker/,
    ],
  ])('%s is refused', async (_, args, pattern) => {
    expect(await cli(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(pattern) });
  });
});

test('evaluate continues contexts with the blocker, and its signature says by which rule', async () => {
  const contexts = writeIds(join(folder, 'contexts.jsonl'), [Int32Array.from(PROMPT)]);
  const flags = ['--match-length', '1', '--no-wait-for-word-end'];
  const result = await json(
    'evaluate',
    '--model',
    TINY_MODEL,
    '--contexts',
    contexts,
    '--max-new-tokens',
    String(NEW_TOKENS),
    '--citation-blocker',
    quoted,
    ...flags,
  );
  const { generations, signatures } = result as {
    generations: { ids: number[]; interventions: number }[];
    signatures: { generation: string };
  };
  expect(generations[0]!.interventions).toBeGreaterThan(0);
  expect(signatures.generation).toContain(
    'citationBlocker:match:1-tokens,prompt:no,word-end:no,banned:all,sequence-end:ignore,normalization:none',
  );
});

test('train takes the rule for its comparison from flag, variable and file alike', async () => {
  const [data, out] = [writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20])), join(folder, 'run')];
  const flags = [
    '--match-length',
    '2',
    '--match-unit',
    'word',
    '--no-wait-for-word-end',
    '--banned',
    'first',
    '--count-prompt',
    '--sequence-end',
    'ban-eos',
    '--normalization',
    'fold',
  ];
  const { config } = (await json('train', '--print-config', ...flags)) as { config: Record<string, unknown> };
  expect(config).toMatchObject({
    matchLength: 2,
    matchUnit: 'word',
    waitForWordEnd: false,
    banned: 'first',
    countPrompt: true,
    sequenceEnd: 'ban-eos',
    normalization: 'fold',
  });
  expect(await json('train', '--print-config')).toMatchObject({
    config: { matchUnit: 'token', waitForWordEnd: true, countPrompt: false },
    sources: { waitForWordEnd: 'default' },
  });
  await json(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--samples',
    '2',
    '--context-length',
    '4',
    '--max-new-tokens',
    '8',
    '--max-steps',
    '1',
    '--comparison-contexts',
    '2',
    '--evaluate-every-steps',
    '0',
    '--out',
    out,
    ...flags,
  );
  const comparison = JSON.parse(readFileSync(join(out, 'comparison.json'), 'utf8')) as {
    variants: { name: string; result: { signatures: { generation: string } } }[];
  };
  const signature = comparison.variants.find(({ name }) => name === 'hyperfitted, citation blocker')!.result.signatures.generation;
  expect(signature).toContain('match:2-words,prompt:yes,word-end:no,banned:first,sequence-end:ban-eos,normalization:fold');
  expect(JSON.parse(readFileSync(join(out, 'memorisation.json'), 'utf8'))).toMatchObject({
    blocker: { matchLength: 2, matchUnit: 'word' },
  });
});
