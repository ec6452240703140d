import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../lib/libtorch/cache-folder.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { withModel } from './models.ts';

const PYTHON = path.join(process.env['HYPERFIT_FIXTURES_VENV'] ?? path.join(cacheFolder(), 'fixtures-venv'), 'bin', 'python');
const SCRIPT = path.join(__dirname, '..', '..', 'scripts', 'fixtures', 'check_saved.py');

const available = existsSync(PYTHON);
const title = available ? '' : ' (no Python with transformers here: npm run fixtures makes one)';

(available ? describe : describe.skip)(`What hyperfit saves, transformers loads${title}`, () => {
  test.each([...TINY_MODELS])('%s: the same logits', (name) =>
    withModel(tinyModelPath(name), 'cpu', async (model) => {
      const folder = await mkdtemp(path.join(tmpdir(), 'hyperfit-saved-'));
      try {
        await model.save(folder);
        const { stdout } = await promisify(execFile)(PYTHON, [SCRIPT, folder, name]);
        expect((JSON.parse(stdout) as { difference: number }).difference).toBeLessThan(1e-5);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    }), 120_000);
});
