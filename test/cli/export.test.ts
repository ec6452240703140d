import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { readRunFacts } from '../../lib/run/export-run.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli } from './cli-process.ts';

const folder = freshFolder();
const out = (name: string): string => join(folder, name);
const file = (name: string, content: string): string => {
  writeFileSync(out(name), content);
  return out(name);
};

test('a run is exported with what it knows: its contexts, its training text and its base', async () => {
  const data = file('novel.txt', 'The lamps were lit along the quay, and nobody came; then the rain began again. '.repeat(200));
  const run = out('run');
  const trained = await cli(
    'train',
    '--model',
    TINY_MODEL,
    '--data',
    data,
    '--out',
    run,
    '--samples',
    '4',
    '--sequence-length',
    '32',
    '--max-steps',
    '3',
    '--comparison-contexts',
    '4',
    '--held-out-samples',
    '4',
    '--quiet',
  );
  expect([trained.code, trained.stderr]).toEqual([0, expect.any(String)]);
  const facts = readRunFacts(run)!;
  expect(facts).toMatchObject({
    base: TINY_MODEL,
    trainFile: join(run, 'train.jsonl'),
    baseFigures: { ttr: expect.any(Number), rep2: expect.any(Number) },
  });
  expect(facts.contexts.length).toBeGreaterThan(0);
  const { code, stdout, stderr } = await cli(
    'export',
    '--model',
    run,
    '--out',
    out('novel.gguf'),
    '--type',
    'F32',
    '--max-new-tokens',
    '8',
    '--json',
  );
  expect(code).toBe(0);
  const document = JSON.parse(stdout) as { gate: { contexts: number }; paths: string[]; modelfile: string };
  expect(document).toMatchObject({
    schemaVersion: 1,
    type: 'F32',
    paths: [out('novel.gguf')],
    modelfile: out('novel.Modelfile'),
    card: out('novel.README.md'),
    gate: { contexts: facts.contexts.length, agreement: 1, problems: [], update: { kept: expect.closeTo(1, 5) } },
  });
  expect(stderr).toMatch(/written .* MB of .* MB/);
  expect((await openModelFiles(out('novel.gguf'))).config.modelType).toBe('llama');
  expect((await readGgufHeader(out('novel.gguf'))).metadata.get('general.name')).toBe('run');
  expect(readFileSync(out('novel.Modelfile'), 'utf8')).toMatch(/^FROM \.\/novel\.gguf$/m);
  const card = readFileSync(out('novel.README.md'), 'utf8');
  for (const part of [
    'library_name: "gguf"',
    '- "gguf"',
    '- "hyperfitting"',
    'weights in F32',
    '## Recipe',
    '## Before and after',
    '## The file',
    '`novel.gguf`: GGUF, F32',
    '## What rounding left',
    '| this file, F32 |',
    'in 100.0 % of places',
    '-m novel.gguf --temp 0',
  ])
    expect(card).toContain(part);
  expect(card).not.toContain('The lamps were lit');
}, 120_000);

test('without contexts nothing is decoded, and that is said; text of a file gives some', async () => {
  const plain = await cli('export', '--model', TINY_MODEL, '--out', out('plain.gguf'), '--no-modelfile', '--no-card');
  expect([plain.code, plain.stderr]).toEqual([0, expect.stringMatching(/no contexts to decode from; give --contexts/)]);
  for (const name of ['plain.Modelfile', 'plain.README.md']) expect(existsSync(out(name))).toBe(false);
  const contexts = file('starts.jsonl', '{"text":"The lamps were lit"}\n{"text":"Then the rain"}\n');
  const gated = await cli('export', '--model', TINY_MODEL, '--out', out('gated.gguf'), '--contexts', contexts, '--max-new-tokens', '8');
  expect([gated.code, gated.stdout]).toEqual([0, expect.stringMatching(/TTR\(8\).*agreement.*\n[^]*exported, Q8_0[^]*greedy, 2 contexts/)]);
  const text = file(
    'long.txt',
    Array.from({ length: 60 }, (_, at) => `Then the rain began again, for the ${at}th time; and nobody came along the quay.`).join('\n\n'),
  );
  const cut = await cli(
    'export',
    '--model',
    TINY_MODEL,
    '--out',
    out('cut.gguf'),
    '--contexts',
    text,
    '--context-length',
    '12',
    '--max-new-tokens',
    '4',
  );
  expect([cut.code, cut.stdout]).toEqual([0, expect.stringMatching(/greedy, 32 contexts/)]);
});

test.each<[string, string[], number, RegExp]>([
  ['a file that is there', ['--out', 'twice.gguf'], 1, /there already.*--overwrite/],
  ['another ending', ['--out', 'model.bin'], 2, /ends in \.gguf/],
  ['a type that is none', ['--out', 'x.gguf', '--type', 'Q3_K'], 2, /Allowed choices are F32/],
  ['a size that is none', ['--out', 'x.gguf', '--split-max-size', 'big'], 2, /4G, 500M/],
  ['auto without contexts', ['--out', 'x.gguf', '--type', 'auto'], 2, /expected contexts/],
])('%s is refused', async (_, args, code, message) => {
  file('twice.gguf', 'kept');
  const [flag, name, ...rest] = args;
  const result = await cli('export', '--model', TINY_MODEL, flag!, out(name!), ...rest);
  expect([result.code, result.stderr]).toEqual([code, expect.stringMatching(message)]);
  expect(readFileSync(out('twice.gguf'), 'utf8')).toBe('kept');
});

test('help names every option with its default', async () => {
  const { stdout } = await cli('export', '--help');
  for (const words of [
    'default: Q8_0, or the type that the model was trained for',
    'default: "warn"',
    'default: one file',
    '--overwrite',
    '--split-max-size',
    '--base',
  ])
    expect(stdout.replace(/\s+/g, ' ')).toContain(words);
});
