import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeTemporary, removeTemporaries } from '../libtorch/fake-torch.ts';
import { serveIndex, type WheelIndex } from '../libtorch/wheel-index.ts';

const CLI = join(__dirname, '../../dist/cli.mjs');
const MODEL = join(__dirname, '../fixtures/models/llama-tied-gqa');
const ARGS = ['generate', '--model', MODEL, '--prompt-ids', '5', '--max-new-tokens', '2'];
const hasPython = spawnSync('python3', ['--version']).status === 0;
const onTerminal = hasPython && process.platform === 'linux' && process.arch === 'x64' ? test : test.skip;

let index: WheelIndex;
beforeAll(async () => void (index = await serveIndex({})));
afterAll(async () => {
  await index.close();
  removeTemporaries();
});

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { LIBTORCH: _, CI: __, NO_COLOR: ___, ...kept } = process.env;
  return { ...kept, ...index.env, HYPERFIT_CACHE: makeTemporary(), TERM: 'xterm', ...more };
}

/** What a person at a terminal sees; not by spawnSync, since the index answers in this process. */
async function atTerminal(env: NodeJS.ProcessEnv): Promise<{ text: string; code: number }> {
  const child = spawn('python3', [join(__dirname, 'terminal.py'), '0', process.execPath, CLI, ...ARGS], {
    env: { ...env, PATH: process.env.PATH },
  });
  let stdout = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  await new Promise((resolve) => child.on('close', resolve));
  const { pieces, code } = JSON.parse(stdout) as { pieces: [number, string][]; code: number };
  return { text: pieces.map(([, text]) => text).join(''), code };
}

const QUESTION = /Install libtorch 2\.11\.0 into .*For the CPU: \d+ MB to download, \d+ MB on disk.*\[Y.*n\] /;

onTerminal('on a terminal a command without libtorch offers to install it; no means no', async () => {
  const { text, code } = await atTerminal(environment({ HYPERFIT_TEST_ANSWER: 'n' }));
  expect(text).toMatch(QUESTION);
  expect(text).toContain('ERR_LIBTORCH_NOT_FOUND');
  expect(code).toBe(3);
  expect(index.sent()).toBe(0);
});

onTerminal('yes asks the index, and says why that failed', async () => {
  const { text, code } = await atTerminal(environment({ HYPERFIT_TEST_ANSWER: 'y' }));
  expect(text).toMatch(/ERR_LIBTORCH_INSTALL.*127\.0\.0\.1:\d+\/simple does not list it/);
  expect(code).toBe(3);
});

onTerminal('in CI nobody is asked', async () => {
  const { text, code } = await atTerminal(environment({ CI: 'true' }));
  expect(text).not.toMatch(/Install libtorch/);
  expect(text).toContain('ERR_LIBTORCH_NOT_FOUND');
  expect(code).toBe(3);
});

test('in a pipe nobody is asked, and the message has the remedy', () => {
  const { status, stderr } = spawnSync(process.execPath, [CLI, ...ARGS], {
    encoding: 'utf8',
    env: environment(),
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  expect(status).toBe(3);
  expect(stderr).toMatch(/ERR_LIBTORCH_NOT_FOUND[^]*npx hyperfit libtorch install/);
  expect(stderr).not.toMatch(/\[Y/);
});
