import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CLI, start } from '../cli/cli-process.ts';
import { describeOnEachDevice, environmentOf } from '../devices.ts';
import { relativeDifference } from '../oracle/differences.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

jest.setTimeout(300_000);

interface Evaluated {
  loss: number;
  ttr: number;
}

describeOnEachDevice('The command line', (device) => {
  const folder = freshFolder();
  const out = join(folder, 'run');
  const data = writeIds(join(folder, 'train.jsonl'), randomSequences([12, 16, 9, 16]));
  const heldOut = writeIds(join(folder, 'held-out.jsonl'), randomSequences([14, 14, 10], 2));

  async function json<T>(args: readonly string[], env: Record<string, string> = environmentOf(device)): Promise<T> {
    const { code, stdout, stderr } = await start([...args, '--json'], { env }).finished;
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout) as T;
  }

  test('train, generate and evaluate with --device', async () => {
    const at = ['--device', device];
    const trained = await json<{ step: number; checkpoint: string }>([
      'train',
      '--model',
      TINY_MODEL,
      '--data',
      data,
      '--held-out',
      heldOut,
      '--learning-rate',
      '1e-3',
      '--batch-size',
      '2',
      '--max-steps',
      '3',
      '--context-length',
      '4',
      '--max-new-tokens',
      '6',
      '--comparison-contexts',
      '2',
      '--evaluate-every-steps',
      '0',
      '--out',
      out,
      ...at,
    ]);
    expect(trained.step).toBe(3);
    expect(JSON.parse(readFileSync(join(out, 'run.json'), 'utf8'))).toMatchObject({ config: { device } });
    expect(existsSync(join(out, 'report.html'))).toBe(true);

    const { generations } = await json<{ generations: { ids: number[]; interventions: number }[] }>([
      'generate',
      '--model',
      out,
      '--prompt-ids',
      '5,6,7',
      '--max-new-tokens',
      '5',
      '--min-new-tokens',
      '5',
      '--citation-blocker',
      out,
      ...at,
    ]);
    expect(generations[0]!.ids).toHaveLength(5);

    const measure = [
      'evaluate',
      '--model',
      out,
      '--held-out',
      heldOut,
      '--train',
      join(out, 'train.jsonl'),
      '--context-length',
      '4',
      '--max-new-tokens',
      '6',
    ];
    const here = await json<Evaluated>([...measure, ...at]);
    const there = await json<Evaluated>([...measure, '--device', 'cpu']);
    expect(relativeDifference(here.loss, there.loss)).toBeLessThan(1e-4);
  });

  test('demo, study, export and save with --device', async () => {
    const at = ['--device', device];
    const demo = join(folder, 'demo');
    const shown = await json<{ step: number }>([
      'demo',
      '--model',
      TINY_MODEL,
      '--data',
      data,
      '--held-out',
      heldOut,
      '--samples',
      '4',
      '--max-steps',
      '1',
      '--comparison-contexts',
      '1',
      '--compute-dtype',
      'float32',
      '--out',
      demo,
      ...at,
    ]);
    expect(shown.step).toBe(1);
    const study = [
      'study',
      'curve',
      '--model',
      TINY_MODEL,
      '--data',
      `noise=${data}`,
      '--samples',
      '2',
      '--batch-size',
      '2',
      '--epochs',
      '1',
      '--contexts',
      '1',
      '--context-length',
      '4',
      '--new-tokens',
      '4',
      '--seeds',
      '0',
      '--out',
      join(folder, 'study'),
    ];
    expect((await json<{ machine: object }>([...study, ...at])).machine).toMatchObject({ device });
    const file = join(folder, 'model.gguf');
    await json([
      'export',
      '--model',
      TINY_MODEL,
      '--out',
      file,
      '--type',
      'F32',
      '--contexts',
      heldOut,
      '--context-length',
      '4',
      '--max-new-tokens',
      '4',
      ...at,
    ]);
    expect(existsSync(file)).toBe(true);
    await json(['save', '--model', TINY_MODEL, '--out', join(folder, 'saved'), ...at]);
    expect(existsSync(join(folder, 'saved', 'model.safetensors'))).toBe(true);
  });

  test('patch and average with --device', async () => {
    const at = ['--device', device];
    const patched = await json<{ rank: number }>([
      'patch',
      out,
      '--out',
      join(folder, 'patch'),
      '--rank',
      '2',
      '--contexts',
      heldOut,
      '--context-length',
      '4',
      '--max-new-tokens',
      '4',
      ...at,
    ]);
    expect(patched.rank).toBe(2);
    await json(['average', out, join(folder, 'saved'), '--out', join(folder, 'averaged'), '--gate', 'off', ...at]);
    expect(existsSync(join(folder, 'averaged', 'model.safetensors'))).toBe(true);
  });

  test('serve with --device answers until Ctrl-C', async () => {
    const serving = start(['serve', '--model', `tiny=${TINY_MODEL}`, '--port', '0', '--device', device], { env: environmentOf(device) });
    let said = '';
    serving.child.stderr!.on('data', (text: string) => (said += text));
    await serving.saying('Ctrl-C ends');
    const [address] = /http:\/\/127\.0\.0\.1:\d+/.exec(said)!;
    const answer = await fetch(`${address}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', prompt: [5, 6, 7], max_tokens: 4, ignore_eos: true }),
    });
    expect([answer.status, ((await answer.json()) as { usage: { completion_tokens: number } }).usage.completion_tokens]).toEqual([200, 4]);
    serving.child.kill('SIGINT');
    expect((await serving.finished).code).toBe(0);
  });

  test('chat with --device', () => {
    const chat = ['chat', '--model', TINY_MODEL, '--max-new-tokens', '4', '--json', '--device', device];
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, ...chat], {
      input: 'The sea\n\n',
      encoding: 'utf8',
      env: { ...process.env, ...environmentOf(device) },
    });
    expect([
      status,
      stderr,
      stdout
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { answers: { tokens: number }[] }).answers[0]!.tokens),
    ]).toEqual([0, '', [4, 4]]);
  });

  test('play with --device serves the run of above until Ctrl-C', async () => {
    const play = start(['play', out, '--device', device], { env: environmentOf(device) });
    await play.saying('serving');
    play.child.kill('SIGINT');
    expect(await play.finished).toMatchObject({ code: 0, stdout: 'ended\n', stderr: expect.stringMatching(/http:\/\/127\.0\.0\.1:\d+\//) });
  });

  test('a device that is not there is refused in words, before anything is written', async () => {
    const refused = await start(
      [
        'train',
        '--model',
        TINY_MODEL,
        '--data',
        data,
        '--out',
        join(folder, 'none'),
        '--device',
        `${device === 'cpu' ? 'cuda' : device}:77`,
      ],
      { env: environmentOf(device) },
    ).finished;
    expect(refused).toMatchObject({ stdout: '', stderr: expect.stringMatching(/ERR_(DEVICE|CONFIG)/) });
    expect([2, 3]).toContain(refused.code);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
