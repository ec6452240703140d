import { createServer } from 'node:net';
import { cli, start } from '../cli/cli-process.ts';
import { TINY_MODEL } from '../train/tiny.ts';

/** The address that the command says. */
async function urlOf(running: ReturnType<typeof start>): Promise<string> {
  let text = '';
  running.child.stderr!.on('data', (part: string) => (text += part));
  await running.saying('(Ctrl-C ends)');
  return /serving .* at (http:\S+)v1/.exec(text)![1]!;
}

test('serves models by name until a signal, lets requests end, and asks for the key of the environment', async () => {
  const running = start(['serve', '--model', TINY_MODEL, '--model', `my/name=${TINY_MODEL}`, '--port', '0', '--json'], {
    env: { HYPERFIT_API_KEY: 'secret' },
  });
  const url = await urlOf(running);
  const headers = { authorization: 'Bearer secret', 'content-type': 'application/json' };
  expect((await fetch(`${url}v1/models`)).status).toBe(401);
  const { data } = (await (await fetch(`${url}v1/models`, { headers })).json()) as { data: { id: string }[] };
  expect(data.map(({ id }) => id)).toEqual(['tiny-text', 'my/name']);
  const going = await fetch(`${url}v1/completions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ model: 'my/name', prompt: 'A', max_tokens: 200, stream: true }),
  });
  running.child.kill('SIGTERM');
  expect([going.status, (await going.text()).trimEnd().endsWith('data: [DONE]')]).toEqual([200, true]);
  const { code, stdout, stderr } = await running.finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, url, models: ['tiny-text', 'my/name'] });
  expect(stderr).toMatch(/POST \/v1\/completions 200 /);
});

test.each([
  [['--model', TINY_MODEL, '--host', '0.0.0.0'], /ERR_CONFIG.*--api-key/],
  [['--model', TINY_MODEL, '--model', TINY_MODEL], /ERR_CONFIG.*"tiny-text" twice/],
  [['--model', TINY_MODEL, '--port', '70000'], /port from 0 to 65535/],
  [['--port', '0'], /required option '--model/],
])('%j is refused', async (args, message) => {
  const { code, stderr } = await cli('serve', ...args);
  expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
});

test('a taken port is said with its number', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  const { port } = server.address() as { port: number };
  const { code, stderr } = await cli('serve', '--model', TINY_MODEL, '--port', String(port));
  server.close();
  expect([code, stderr]).toEqual([2, expect.stringContaining(`127.0.0.1:${port}`)]);
});
