import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { makeBatch, randomRows } from './batches.ts';
import { largestDifference } from './differences.ts';
import { TINY_MODELS, tinyModelPath } from './expected.ts';
import { readNumbers, withModel } from './models.ts';

/** The environment of scripts/fixtures.sh. */
const cache = process.env['HYPERFIT_CACHE'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'hyperfit');
const PYTHON = path.join(process.env['HYPERFIT_FIXTURES_VENV'] ?? path.join(cache, 'fixtures-venv'), 'bin', 'python');
const CHECK = path.join(__dirname, '..', '..', 'scripts', 'fixtures', 'check_saved.py');
const NAMES = TINY_MODELS;

interface Saved {
  folder: string;
  ids: number[][];
  logits: Float64Array;
}

async function saveModel(name: string, parent: string): Promise<Saved> {
  return withModel(tinyModelPath(name), 'cpu', async (model) => {
    const folder = path.join(parent, name);
    const ids = randomRows(3, 2, 20, model.config.outputVocabSize);
    await model.save(folder);
    const { logits } = await model.forward(makeBatch(ids));
    const saved = { folder, ids, logits: readNumbers(logits) };
    logits.dispose();
    return saved;
  });
}

/** One Python process for all: importing transformers takes longer than the models. */
function computeByTransformers(models: readonly Saved[]): number[][] {
  const input = models.map(({ folder, ids }) => JSON.stringify({ folder, ids })).join('\n');
  const { status, stdout, stderr } = spawnSync(PYTHON, [CHECK], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as number[][];
}

const describeWithPython = existsSync(PYTHON) ? describe : describe.skip;

describeWithPython('A model saved by hyperfit, read by transformers (needs the environment of scripts/fixtures.sh)', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'hyperfit-saved-'));
  afterAll(() => rmSync(parent, { recursive: true }));

  test('has the same weights by the same names and gives the same logits, every tiny model', async () => {
    const saved: Saved[] = [];
    for (const name of NAMES) saved.push(await saveModel(name, parent));
    const expected = computeByTransformers(saved);
    const differences = saved.map(({ folder, logits }, i) => ({
      name: path.basename(folder),
      difference: largestDifference(logits, expected[i]!),
    }));
    expect(differences.filter(({ difference }) => !(difference < 1e-4))).toEqual([]);
  }, 300_000);
});
