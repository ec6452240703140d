import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { copyModel, copyWithNan, freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';
import { cli, CLI, start, startProgram } from './cli-process.ts';

const folder = freshFolder();
const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 20, 9]));
const file = (name: string, content: string | Buffer): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
const train = (...more: string[]): string[] => ['train', '--model', TINY_MODEL, '--data', data, '--max-steps', '2', ...more];

/** Title, command line, exit code, what stderr must name. */
const CASES: [string, () => string[], number, RegExp][] = [
  ['an unknown command', () => ['trian'], 2, /unknown command 'trian'[^]*train/],
  ['an unknown option', () => train('--learning-rat', '1'), 2, /unknown option[^]*--learning-rate/],
  ["another tool's word for an option", () => train('--optimizer', 'adamw'), 2, /unknown option '--optimizer'\n\(Did you mean --optim\?\)/],
  [
    "another tool's word that looks like one of ours",
    () => train('--lr=1e-4'),
    2,
    /unknown option '--lr=1e-4'\n\(Did you mean --learning-rate\?\)/,
  ],
  [
    "another tool's word for an option that this command lacks",
    () => ['runs', '--optimizer'],
    2,
    /unknown option '--optimizer'\n\(add --help/,
  ],
  ['no command', () => [], 2, /Usage: hyperfit/],
  ['a missing model', () => ['train', '--model', '/nowhere/model', '--data', data], 3, /ERR_MODEL_FILES.*\/nowhere\/model.*check the path/],
  ['no model', () => ['train', '--data', data, '--out', join(folder, 'no-model')], 2, /ERR_CONFIG.*--model/],
  ['no data', () => ['train', '--model', TINY_MODEL, '--out', join(folder, 'no-data')], 2, /ERR_CONFIG.*--data/],
  [
    'missing data',
    () => ['train', '--model', TINY_MODEL, '--data', '/nowhere.txt', '--out', join(folder, 'r1')],
    3,
    /ERR_DATA.*\/nowhere\.txt/,
  ],
  ['empty data', () => train('--data', file('empty.txt', ''), '--out', join(folder, 'r2')), 3, /ERR_DATA/],
  [
    'an empty folder',
    () => {
      mkdirSync(join(folder, 'void'), { recursive: true });
      return train('--data', join(folder, 'void'), '--out', join(folder, 'r3'));
    },
    3,
    /ERR_DATA/,
  ],
  [
    'text that is not UTF-8',
    () => train('--data', file('latin.txt', Buffer.from([0x63, 0x61, 0x66, 0xe9])), '--out', join(folder, 'r5')),
    3,
    /ERR_DATA.*UTF-8/,
  ],
  [
    'a bad line',
    () => train('--data', file('bad.jsonl', '{"ids":[1,2]}\n{"ids":"x"}\n'), '--out', join(folder, 'r6')),
    3,
    /ERR_DATA.*line 2/,
  ],
  ['ids out of range', () => train('--data', file('ids.jsonl', '{"ids":[1,99999]}\n'), '--out', join(folder, 'r7')), 3, /ERR_DATA.*99999/],
  [
    'a sequence longer than the context',
    () => train('--data', file('long.jsonl', `{"ids":[${Array(300).fill(5).join(',')}]}\n`), '--out', join(folder, 'r8')),
    3,
    /ERR_DATA.*256/,
  ],
  [
    'several bad settings at once',
    () => train('--learning-rate', '-1', '--batch-size', 'x', '--order', 'sorted'),
    2,
    /3 problems[^]*`--batch-size`: [^]*`--learning-rate`: [^]*`--order`: /,
  ],
  [
    'a setting of the wrong size in a file, by its name there',
    () => train('--config', file('c2.json', '{"learningRate": -1}')),
    2,
    /`learningRate` \(file .*c2\.json/,
  ],
  ['infinity, by its name', () => train('--learning-rate', 'Infinity'), 2, /`--learning-rate`: expected .*, got Infinity/],
  ['an unknown preset', () => train('--preset', 'papper'), 2, /ERR_CONFIG.*did you mean paper/],
  ['an unknown key in a file', () => train('--config', file('c.json', '{"learning_rate": 1}')), 2, /did you mean learningRate/],
  [
    'NaN weights',
    () => [
      'train',
      '--model',
      copyWithNan(),
      '--data',
      data,
      '--max-steps',
      '2',
      '--evaluate-every-steps',
      '0',
      '--out',
      join(folder, 'nan'),
    ],
    4,
    /ERR_NOT_FINITE.*step 1.*samples/,
  ],
  ['two kinds of prompt', () => ['generate', '--model', TINY_MODEL, '--prompt', 'a', '--prompt-ids', '1'], 2, /cannot be used with/],
  ['no prompt', () => ['generate', '--model', TINY_MODEL], 2, /ERR_CONFIG.*--prompt/],
  [
    'top-p without temperature',
    () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '1', '--top-p', '0.9'],
    2,
    /ERR_CONFIG.*temperature/,
  ],
  ['bad ids', () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '1,x'], 2, /token ids/],
  ['a prompt id out of range', () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '99999'], 3, /ERR_DATA/],
  ['a prompt with no room left', () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--max-new-tokens', '400'], 1, /ERR_SHAPE/],
  [
    'a missing blocker file',
    () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--citation-blocker', '/nowhere.jsonl'],
    3,
    /ERR_DATA.*citation-blocker/,
  ],
  ['nothing to evaluate', () => ['evaluate', '--model', TINY_MODEL], 2, /ERR_CONFIG.*--held-out/],
  [
    'a model without a tokenizer',
    () => ['tokenize', '--model', join(__dirname, '../fixtures/models/llama-tied-gqa'), '--text', 'a'],
    1,
    /ERR_TOKENIZER.*tokenizer\.json/,
  ],
  ['a folder that is no run', () => ['report', folder], 1, /ERR_CHECKPOINT.*run\.json/],
  [
    'a CUDA device that is not there',
    () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--device', 'cuda:7'],
    3,
    /ERR_DEVICE.*(libtorch install --cuda|cuda:0)/,
  ],
  ['an unknown device', () => ['generate', '--model', TINY_MODEL, '--prompt-ids', '5', '--device', 'gpu'], 2, /cuda:N/],
  ['a pickle', () => ['generate', '--model', file('model.bin', 'x'), '--prompt-ids', '5'], 3, /ERR_MODEL_FILES.*safetensors/],
  ['a libtorch that is none', () => ['libtorch', 'info', '--libtorch', folder], 3, /./],
];

test.each(CASES)('%s is refused with its remedy and exit code', async (_, args, code, message) => {
  const result = await cli(...args());
  expect({ code: result.code, output: result.stderr + (code === 3 ? result.stdout : '') }).toEqual({
    code,
    output: expect.stringMatching(message),
  });
  expect(result.stderr).not.toMatch(/^\s+at /m);
});

test.each([
  ['HYPERFIT_LEARNIG_RATE', train(), /HYPERFIT_LEARNIG_RATE \(did you mean HYPERFIT_LEARNING_RATE\?\)/],
  ['HYPERFIT_LEARNING_RATE', train(), /HYPERFIT_LEARNING_RATE: expected .*, got "fast"/],
  ['HYPERFIT_CACH', ['doctor'], /HYPERFIT_CACH \(did you mean HYPERFIT_CACHE\?\)/],
])('the variable %s=fast is refused by its name', async (name, args, message) => {
  expect(await start(args, { env: { [name]: 'fast' } }).finished).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
});

test('a libtorch that cannot be found is code 3, with the places searched', async () => {
  const { finished } = start(['generate', '--model', copyModel(), '--prompt-ids', '5'], { env: { LIBTORCH: folder } });
  expect(await finished).toMatchObject({ code: 3, stderr: expect.stringContaining('ERR_LIBTORCH') });
});

describe('streams', () => {
  test('help goes to stdout with defaults and an example, and is no failure', async () => {
    const { code, stdout, stderr } = await cli('train', '--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const part of ['--learning-rate <X>', '(default: 0.000001)', 'Example:', 'HYPERFIT_', '--resume'])
      expect(stdout.replace(/\s+/g, ' ')).toContain(part);
  });

  test.each(['generate', 'evaluate', 'tokenize', 'demo', 'report', 'doctor', 'libtorch install', 'libtorch info'])(
    '%s --help has an example',
    async (command) => {
      const { code, stdout } = await cli(...command.split(' '), '--help');
      expect([code, stdout]).toEqual([0, expect.stringContaining('Example:')]);
    },
  );

  test('the version is the package version', async () => {
    expect(await cli('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });

  test('--quiet leaves stderr empty and --json puts one document on stdout', async () => {
    const { code, stdout, stderr } = await cli(...train('--quiet', '--json', '--out', join(folder, 'quiet')));
    expect([code, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({ step: 2 });
  });

  test('progress goes to stderr as plain lines without escape sequences', async () => {
    const { stderr } = await cli(...train('--out', join(folder, 'plain')));
    expect(stderr).toMatch(/step 1\/2 {2}loss \d/);
    expect(stderr).not.toContain('\x1b');
  });

  test('a reader that goes away ends the program quietly', async () => {
    const { finished } = startProgram('bash', ['-c', `"${process.execPath}" "${CLI}" train --help | head -n 1`]);
    expect(await finished).toMatchObject({ code: 0, stderr: '' });
  });
});

test('study --list names every study without a model', async () => {
  const { code, stdout, stderr } = await cli('study', '--list');
  expect([code, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^curve +While training loss/);
  expect(stdout.trim().split('\n').length).toBeGreaterThan(10);
});

test('an output that cannot be written ends with its reason', async () => {
  const { code, stderr } = await startProgram('sh', ['-c', `exec "${process.execPath}" "${CLI}" doctor --json > /dev/full`]).finished;
  expect([code, stderr]).toEqual([1, expect.stringMatching(/^error: the output cannot be written: .*ENOSPC/)]);
});
