import { join } from 'node:path';
import { ROOT, startProgram } from '../cli/cli-process.ts';
import { TINY_MODEL } from '../train/tiny.ts';

const TIMES = '20';

test.each(['loading', 'training', 'generating', 'streaming', 'everything'])(
  'a worker terminated in the middle of %s, twenty times, leaves the main thread to go on',
  async (work) => {
    const env = { HYPERFIT_WORKERS: JSON.stringify({ dist: join(ROOT, 'dist', 'index.mjs'), model: TINY_MODEL }) };
    const script = join(__dirname, 'children', 'workers.mjs');
    expect(await startProgram(process.execPath, [script, work, TIMES], { env }).finished).toEqual({
      code: 0,
      signal: null,
      stdout: 'done\n',
      stderr: '',
    });
  },
  240_000,
);
