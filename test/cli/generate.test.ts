import { copyFileSync, writeFileSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { readVariants } from '../../lib/compare/generation-file.ts';
import type { TokenEvent } from '../../lib/generate/generation.ts';
import { writeLive } from '../../lib/cli/live-text.ts';
import { initializeModel } from '../../lib/model/initialize.ts';
import { freshFolder, TINY_MODEL } from '../train/tiny.ts';
import { cli, CLI, ROOT } from './cli-process.ts';

const folder = freshFolder();
const GENERATE = ['generate', '--model', TINY_MODEL, '--max-new-tokens', '6'];

interface Line {
  prompt?: string;
  promptIds: number[];
  ids: number[];
  text: string;
  finishReason: string;
}

async function generations(...args: string[]): Promise<Line[]> {
  const { stdout, stderr, code } = await cli(...GENERATE, '--json', ...args);
  expect([code, stderr]).toEqual([0, '']);
  return (JSON.parse(stdout) as { generations: Line[] }).generations;
}

const file = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

describe('prompts', () => {
  test('of a text file are its lines, blank ones passed over', async () => {
    const lines = await generations('--prompts', file('openings.txt', 'The sea\r\n\n  Call me\n \nIshmael'));
    expect(lines.map(({ prompt }) => prompt)).toEqual(['The sea', '  Call me', 'Ishmael']);
    for (const { prompt, ids } of lines) expect((await generations('--prompt', prompt!))[0]!.ids).toEqual(ids);
  });

  test('stand as text in the document, also of ids and of lines', async () => {
    const lines = await generations('--prompts', file('prompts.jsonl', '{"text":"The sea"}\n{"ids":[5,6]}\n'));
    expect(lines.map(({ prompt }) => typeof prompt)).toEqual(['string', 'string']);
    const told = file('generated.json', JSON.stringify({ schemaVersion: 1, generations: lines }));
    expect((await readVariants(told))[0]!.texts[0]).toMatchObject({ context: 'The sea', continuation: lines[0]!.text });
  });

  test('come from stdin for -', () => {
    const run = (input: string) =>
      spawnSync(process.execPath, [CLI, ...GENERATE, '--json', '--prompt', '-'], { input, encoding: 'utf8', cwd: ROOT });
    expect((JSON.parse(run('The sea\nis wide\n').stdout) as { generations: Line[] }).generations[0]!.prompt).toBe('The sea\nis wide');
    expect(run('\n')).toMatchObject({ status: 3, stderr: expect.stringMatching(/ERR_DATA.*stdin/) });
  });

  test('come whole from a file, but for its last line end', async () => {
    const [{ prompt, ids }] = (await generations('--prompt-file', file('opening.md', '\ufeffThe sea\n\nis wide\n'))) as [Line];
    expect([prompt, ids]).toEqual(['The sea\n\nis wide', (await generations('--prompt', 'The sea\n\nis wide'))[0]!.ids]);
    expect(await cli(...GENERATE, '--prompt-file', join(folder, 'none.txt'))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_DATA.*--prompt-file.*none\.txt.*check the path/),
    });
    expect(await cli(...GENERATE, '--prompt-file', file('empty.txt', '\n'))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_DATA.*empty/),
    });
    writeFileSync(join(folder, 'latin.txt'), Buffer.from('caf\xe9', 'latin1'));
    expect(await cli(...GENERATE, '--prompt-file', join(folder, 'latin.txt'))).toMatchObject({
      code: 3,
      stderr: expect.stringMatching(/ERR_DATA.*UTF-8/),
    });
    expect(await cli(...GENERATE, '--prompt', 'x', '--prompt-file', 'y')).toMatchObject({ code: 2 });
  });

  test.each([
    ['no model', ['generate', '--prompt', 'x'], /--model/],
    ['a flag for the model', ['generate', '--model', '--prompt', 'x'], /--model[^]*--prompt/],
    ['no prompt', ['generate', '--model', TINY_MODEL], /--prompt/],
    ['an empty stop string', [...GENERATE, '--prompt', 'x', '--stop', ''], /ERR_CONFIG.*`--stop`/],
    [
      'more tokens at least than at most',
      [...GENERATE, '--prompt', 'x', '--min-new-tokens', '7'],
      /ERR_CONFIG.*`--min-new-tokens` of at most `--max-new-tokens`/,
    ],
    ['a sampler of a greedy text', [...GENERATE, '--prompt', 'x', '--top-k', '3'], /`--temperature` above 0 with `--top-k`/],
  ])('%s is named', async (_, args, message) => {
    expect(await cli(...args)).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
  });
});

test('--stop ends the text before any of its texts', async () => {
  const [free] = await generations('--prompt', 'The sea');
  const stop = free!.text.slice(2, 4);
  const [stopped] = await generations('--prompt', 'The sea', '--stop', 'never this', '--stop', stop);
  expect(stopped).toMatchObject({ text: free!.text.slice(0, free!.text.indexOf(stop)), finishReason: 'stop' });
});

/** On a terminal, by Python's pty. */
function onTerminal(args: readonly string[], interruptAfter = 0): { text: string; pieces: number; code: number } {
  const { stdout, stderr } = spawnSync(
    'python3',
    [join(__dirname, 'terminal.py'), String(interruptAfter), process.execPath, CLI, ...args],
    { encoding: 'utf8', cwd: ROOT, timeout: 120_000 },
  );
  if (stdout === '') throw new Error(stderr);
  const { pieces, code } = JSON.parse(stdout) as { pieces: [number, string][]; code: number };
  return {
    text: pieces
      .map(([, text]) => text)
      .join('')
      .replaceAll('\r\n', '\n'),
    pieces: pieces.length,
    code,
  };
}

describe('on a terminal', () => {
  test('one prompt is written as it comes, the same text as elsewhere', async () => {
    const [plain] = await generations('--prompt', 'The sea');
    expect(onTerminal([...GENERATE, '--prompt', 'The sea'])).toMatchObject({ text: `${plain!.text}\n`, code: 0 });
    expect(onTerminal([...GENERATE, '--json', '--prompt', 'The sea']).text).toContain('"schemaVersion":1');
  });

  test('Ctrl-C leaves what was written, ends the line, and is exit code 130', async () => {
    const model = join(folder, 'slow');
    const config = {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 300,
      hidden_size: 256,
      intermediate_size: 1024,
      num_hidden_layers: 12,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      max_position_embeddings: 32768,
      bos_token_id: 0,
      eos_token_id: 1,
    };
    await initializeModel(model, config);
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(TINY_MODEL, name), join(model, name));
    const args = [
      'generate',
      '--model',
      model,
      '--prompt',
      'The sea',
      '--temperature',
      '5',
      '--max-new-tokens',
      '30000',
      '--min-new-tokens',
      '30000',
    ];
    const { text, pieces, code } = onTerminal(args, 40);
    expect(code).toBe(130);
    expect(pieces).toBeGreaterThan(3);
    expect(text.length).toBeGreaterThan(10);
    expect(text.length).toBeLessThan(60_000);
    expect(text.endsWith('\n')).toBe(true);
    expect(text).not.toMatch(/error|AbortError/);
  });
});

describe('writeLive', () => {
  async function* told(texts: readonly string[], after?: Error): AsyncGenerator<TokenEvent> {
    for (const [id, text] of texts.entries()) yield { id, text, logProb: Number.NaN };
    if (after !== undefined) throw after;
  }

  test('writes every piece at once and ends the line', async () => {
    const written: string[] = [];
    expect(await writeLive(() => told(['a', '', ' b']), { write: (text) => written.push(text) })).toBe(0);
    expect(written.join('|')).toBe('a|| b|\n');
  });

  test('an error is not taken for Ctrl-C', async () => {
    const written: string[] = [];
    await expect(writeLive(() => told(['a'], new Error('broken')), { write: (text) => written.push(text) })).rejects.toThrow('broken');
    expect(written).toEqual(['a', '\n']);
  });
});
