import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { HyperfitError } from '../../lib/errors.ts';
import { FAMILIES } from '../../lib/model/config-families.ts';
import type { JsonObject } from '../../lib/model/json.ts';
import type { Model } from '../../lib/model/model.ts';
import { makeBatch } from './batches.ts';
import { readAll, readNumbers, withModel } from './models.ts';

/** The environment of scripts/fixtures.sh. */
const cache = process.env['HYPERFIT_CACHE'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'hyperfit');
const PYTHON = path.join(process.env['HYPERFIT_FIXTURES_VENV'] ?? path.join(cache, 'fixtures-venv'), 'bin', 'python');
const GENERATOR = path.join(__dirname, '..', '..', 'scripts', 'fixtures', 'config_variants.py');
const COUNT = Number(process.env['CONFIG_VARIANTS'] ?? 360);
const SEED = Number(process.env['CONFIG_VARIANTS_SEED'] ?? 5);

interface Answer {
  config: JsonObject;
  ids?: number[][];
  /** [1, positions, vocabulary]; absent where transformers fails. */
  logits?: number[];
  /** [vocabulary], of the summed loss. */
  embeddingGradNorms?: number[];
}

/** The largest difference, over the largest number. */
function relativeTo(expected: readonly number[], got: ArrayLike<number>): number {
  return Math.max(...expected.map((each, index) => Math.abs(each - got[index]!))) / Math.max(...expected.map(Math.abs));
}

/** The length of each row of the embedding's gradient. */
function rowNorms(model: Model): number[] {
  const gradients = readAll(model.gradients());
  const { vocabSize, hiddenSize } = model.config;
  const embedding = gradients.get('model.embed_tokens.weight') ?? gradients.get('transformer.wte.weight')!;
  return Array.from({ length: vocabSize }, (_, row) => Math.hypot(...embedding.subarray(row * hiddenSize, (row + 1) * hiddenSize)));
}

/** Of logits and gradients of the embedding; undefined where hyperfit refuses the model by name. */
async function difference(folder: string, { ids, logits, embeddingGradNorms }: Required<Answer>): Promise<number | undefined> {
  try {
    return await withModel(folder, 'cpu', async (model) => {
      const batch = makeBatch(ids);
      const result = await model.forward(batch);
      const got = readNumbers(result.logits);
      result.logits.dispose();
      await model.forwardBackward(batch);
      return Math.max(relativeTo(logits, got), relativeTo(embeddingGradNorms, rowNorms(model)));
    });
  } catch (error) {
    if (error instanceof HyperfitError && ['ERR_UNSUPPORTED_MODEL', 'ERR_MODEL_FILES'].includes(error.code)) return undefined;
    throw error;
  }
}

const describeWithPython = existsSync(PYTHON) ? describe : describe.skip;

describeWithPython('A config.json that says odd things (needs the environment of scripts/fixtures.sh)', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfit-config-variants-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test(`is computed as transformers computes it, or refused by name: ${COUNT} variants of all families`, async () => {
    const { status, stderr } = spawnSync(PYTHON, [GENERATOR, folder, `${COUNT}`, `${SEED}`], { encoding: 'utf8' });
    if (status !== 0) throw new Error(stderr);
    const answers = JSON.parse(readFileSync(path.join(folder, 'answers.json'), 'utf8')) as Answer[];
    const wrong: unknown[] = [];
    const equal = new Set<unknown>();
    let computed = 0;
    for (const [index, answer] of answers.entries()) {
      if (answer.logits === undefined || answer.ids === undefined) continue;
      const got = await difference(path.join(folder, `${index}`.padStart(4, '0')), answer as Required<Answer>);
      if (got === undefined) continue;
      computed += 1;
      if (got < 1e-4) equal.add(answer.config['model_type']);
      else wrong.push([got, answer.config]);
    }
    expect(wrong).toEqual([]);
    // A reader that refuses all would pass the line above.
    expect([...equal].sort()).toEqual(FAMILIES.map(({ modelType }) => modelType).sort());
    expect(computed).toBeGreaterThan(COUNT / 4);
  }, 300_000);
});
