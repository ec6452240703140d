import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPrompts } from '../../lib/cli/prompts.ts';
import { readDocuments } from '../../lib/data/documents.ts';

const CLI = join(__dirname, '../../dist/cli.mjs');
const TINY = join(__dirname, '../fixtures/models/tiny-text');
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-prompts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, ...rows: object[]): string {
  const path = join(folder, name);
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return path;
}

const USER = { role: 'user', content: 'Go on.' };

test('a prompt without completion is a prompt, as text or as a dialogue', async () => {
  const prompts = file(
    'prompts.jsonl',
    { prompt: 'Once' },
    { prompt: 'Twice', completion: null },
    { prompt: 'Thrice', completion: '' },
    { prompt: 'Four', completion: ' times' },
    { prompt: [USER] },
    { text: 'Five', prompt: 'no' },
  );
  const read = await readPrompts({ prompts, batchSize: 8 });
  expect(read).toEqual(['Once', 'Twice', 'Thrice', 'Four', expect.objectContaining({ messages: [USER] }), 'Five']);
});

test('nothing can be learnt of it: for training it is refused or passed over as before', async () => {
  await expect(readDocuments(file('alone.jsonl', { prompt: 'Once' }))).rejects.toMatchObject({
    code: 'ERR_DATA',
    message: expect.stringContaining('none of "text", "ids" and "messages", but "prompt"'),
  });
  expect(await readDocuments(file('both.jsonl', { prompt: 'Once', completion: '' }, { text: 'More' }))).toHaveLength(1);
});

test('a prompt that is neither text nor messages is refused by its line', async () => {
  await expect(readPrompts({ prompts: file('bad.jsonl', { prompt: 'Once' }, { prompt: 7 }), batchSize: 8 })).rejects.toMatchObject({
    message: expect.stringContaining('line 2: "prompt" is neither text nor a list of messages'),
  });
});

const run = (...args: string[]): { status: number | null; stderr: string } =>
  spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8' });

test.each([
  ['--prompts', ['generate', '--model', TINY]],
  ['--contexts', ['evaluate', '--model', TINY]],
  ['--held-out', ['evaluate', '--model', TINY]],
])('a file that is refused is called by its flag, %s', (flag, args) => {
  const { status, stderr } = run(...args, flag, join(folder, 'missing.jsonl'));
  expect(status).toBe(3);
  expect(stderr).toMatch(new RegExp(`ERR_DATA: expected .*\`${flag}\`, got .*; `));
  expect(stderr).not.toMatch(/`data`|--data/);
});

test.each([
  ['evaluate', /--held-out.*--contexts.*--train/],
  ['generate', /--prompts/],
])('%s says where its data come from when it is given --data', (command, hint) => {
  const { status, stderr } = run(command, '--model', TINY, '--data', 'x.txt');
  expect(status).toBe(2);
  expect(stderr).toMatch(hint);
});
