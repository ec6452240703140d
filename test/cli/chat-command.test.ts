import { spawnSync } from 'node:child_process';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { initializeModel } from '../../lib/model/initialize.ts';
import { chatModel } from '../train/dialogues.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli, CLI, ROOT } from './cli-process.ts';

const folder = freshFolder();
const chat = chatModel();
const run = join(folder, 'run');

interface Turn {
  turn: number;
  user: string;
  answers: { name: string; text: string; tokens: number; finishReason: string; seconds: number }[];
}

function piped(lines: readonly string[], ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [CLI, 'chat', '--max-new-tokens', '8', ...args], {
    input: lines.map((line) => `${line}\n`).join(''),
    encoding: 'utf8',
    cwd: ROOT,
  });
}

function turns(lines: readonly string[], ...args: string[]): Turn[] {
  const { status, stdout, stderr } = piped(lines, '--json', ...args);
  expect([status, stderr]).toEqual([0, '']);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Turn);
}

async function generated(...args: string[]): Promise<string> {
  const { stdout } = await cli('generate', '--json', '--max-new-tokens', '8', ...args);
  return (JSON.parse(stdout) as { generations: { text: string }[] }).generations[0]!.text;
}

const lines = (name: string, values: readonly unknown[]): string => {
  writeFileSync(join(folder, name), values.map((value) => `${JSON.stringify(value)}\n`).join(''));
  return join(folder, name);
};

beforeAll(async () => {
  const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9, 20]));
  const { code, stderr } = await cli(
    'train',
    '--model',
    chat,
    '--data',
    data,
    '--learning-rate',
    '1e-3',
    '--batch-size',
    '2',
    '--max-steps',
    '4',
    '--comparison-contexts',
    '0',
    '--evaluate-every-steps',
    '0',
    '--keep-best',
    'none',
    '--out',
    run,
    '--quiet',
  );
  expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
});

describe('from a pipe', () => {
  test('text only goes to stdout, a line an answer; commands count, and speak on stderr', () => {
    const { status, stdout, stderr } = piped(
      ['Hi', '/reset', '/max-new-tokens 3', 'Hi', '', '/exit', 'Hi'],
      '--model',
      chat,
      '--system',
      'Be brief.',
    );
    const whole = turns(['Hi'], '--model', chat, '--system', 'Be brief.')[0]!.answers[0]!.text;
    expect([status, stderr]).toEqual([0, 'forgotten\nmax-new-tokens 3\n']);
    expect(stdout.startsWith(`${whole}\n`)).toBe(true);
    expect(whole.startsWith(stdout.slice(whole.length + 1, -1))).toBe(true);
  });

  test.each([
    ['an unknown command', ['/tempature 1'], ['--model', chat], 2, /\/tempature \(did you mean \/temperature\?\)/],
    ['original of what is no run', [], ['--model', chat, '--beside', 'original'], 2, /folder of a run for --model/],
    ['a model that is not there', [], ['--model', './no/such-model'], 3, /ERR_MODEL_FILES.*no\/such-model/],
    ['a system text for a model that continues text', [], ['--model', TINY_MODEL, '--system', 'x'], 2, /chat template/],
  ])('%s is refused', (_, said, args, code, message) => {
    expect(piped(said, ...args)).toMatchObject({ status: code, stderr: expect.stringMatching(message) });
  });

  test('--beside original: both answer, each from its own history', async () => {
    const [first, second] = turns(['Hi', 'And?'], '--model', run, '--beside', 'original');
    expect(first!.answers.map(({ name }) => name)).toEqual(['original', 'hyperfitted']);
    const told = (place: number): unknown => ({
      messages: [
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: first!.answers[place]!.text },
        { role: 'user', content: 'And?' },
      ],
    });
    expect(second!.answers.map(({ text }) => text)).toEqual([
      await generated('--model', chat, '--prompts', lines('original.jsonl', [told(0)])),
      await generated('--model', run, '--prompts', lines('hyperfitted.jsonl', [told(1)])),
    ]);
  });
});

/** At a terminal of `columns`, by Python's pty. */
function dialogue(
  columns: number,
  steps: readonly (readonly [string, string])[],
  ...args: string[]
): { text: string; code: number; left: unknown[] } {
  const program = [process.execPath, CLI, 'chat', '--max-new-tokens', '8', ...args];
  const { stdout, stderr } = spawnSync('python3', [join(__dirname, 'dialogue.py'), String(columns), JSON.stringify(steps), ...program], {
    encoding: 'utf8',
    cwd: ROOT,
    env: { ...process.env, CI: '', NO_COLOR: '1' },
    timeout: 120_000,
  });
  if (stdout === '') throw new Error(stderr);
  const { text, ...rest } = JSON.parse(stdout) as { text: string; code: number; left: unknown[] };
  return { text: text.replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', ''), ...rest };
}

describe('at a terminal', () => {
  test('talks, takes commands and several lines, and leaves at the end of input', () => {
    const { text, code, left } = dialogue(
      80,
      [
        ['> ', '"""one\r'],
        ['… ', 'two"""\r'],
        ['token', '/nothing\r'],
        ['/help', '/temperature 1\r'],
        ['temperature 1', 'one\\\r'],
        ['… ', 'two\r'],
        ['\x1b[?2004h', '\x04'],
      ],
      '--model',
      chat,
    );
    expect([code, left]).toEqual([0, []]);
    expect(text).toContain('loading');
    expect(text).toMatch(/\[8 tokens, [\d.]+ a second, cut off; \/max-new-tokens N allows more\]/);
    expect(text).toContain('expected a command, got /nothing');
  });

  test('a pasted text of several lines is one message', () => {
    const { text, code } = dialogue(
      80,
      [
        ['> ', '\x1b[200~The sea\rand the land\x1b[201~'],
        ['land', '\r'],
        ['token', '/save talk.jsonl.none\r'],
        ['.jsonl', '/exit\r'],
      ],
      '--model',
      TINY_MODEL,
    );
    expect(code).toBe(0);
    expect(text.match(/tokens?, /g)).toHaveLength(1);
    expect(text).toContain('continues text');
  });

  test('shows two answers under their names, or beside each other where there is room', () => {
    const steps = [
      ['> ', 'Hi\r'],
      ['hyperfitted: ', '/exit\r'],
    ] as const;
    const narrow = dialogue(80, steps, '--model', run, '--beside', 'original');
    expect([narrow.code, narrow.text]).toEqual([0, expect.stringMatching(/original\n[^]*\nhyperfitted\n/)]);
    const wide = dialogue(120, steps, '--model', run, '--beside', 'original');
    expect([wide.code, wide.text]).toEqual([0, expect.stringMatching(/original +│ hyperfitted\n─+ │ ─+\n/)]);
  });

  test('Ctrl-C stops the answer and the talk goes on; twice it leaves', async () => {
    const model = join(folder, 'slow');
    await initializeModel(model, {
      model_type: 'llama',
      architectures: ['LlamaForCausalLM'],
      vocab_size: 300,
      hidden_size: 256,
      intermediate_size: 1024,
      num_hidden_layers: 4,
      num_attention_heads: 4,
      num_key_value_heads: 4,
      max_position_embeddings: 32768,
      bos_token_id: 0,
      eos_token_id: 1,
    });
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) copyFileSync(join(TINY_MODEL, name), join(model, name));
    const endless = ['--model', model, '--max-new-tokens', '30000', '--min-new-tokens', '30000', '--temperature', '5'];
    const { text, code, left } = dialogue(
      80,
      [
        ['> ', 'The sea\r'],
        ['\x1b[2K', '\x03'],
        ['stopped]', '/settings\r'],
        ['blocker off', '\x03'],
        ['once more', '\x03'],
      ],
      ...endless,
    );
    expect([code, left]).toEqual([130, []]);
    expect(text).toMatch(/\[\d+ tokens?.*stopped\]/);
  });
});
