import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { renderJson } from '../../lib/model/config-render.ts';
import { Model } from '../../lib/model/model.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { madeUp, readWeights, writeWeights } from '../model/weight-bytes.ts';
import type { StoredTensor } from '../model/weight-bytes.ts';
import { makeBatch, randomRows } from './batches.ts';
import { largestDifference } from './differences.ts';
import { readNumbers, withModel } from './models.ts';
import { tinyModelPath } from './expected.ts';

/** Weights of one model under all the names that files have for them: what hyperfit computes, saves, and transformers reads again. */

const cache = process.env['HYPERFIT_CACHE'] ?? path.join(process.env['XDG_CACHE_HOME'] ?? path.join(homedir(), '.cache'), 'hyperfit');
const PYTHON = path.join(process.env['HYPERFIT_FIXTURES_VENV'] ?? path.join(cache, 'fixtures-venv'), 'bin', 'python');
const CHECK = path.join(__dirname, '..', '..', 'scripts', 'fixtures', 'check_saved.py');

type Weights = Map<string, StoredTensor>;
const GGUF_NAMES = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'gpt2'];
const HEAD = 'lm_head.weight';
const [EMBED, WTE] = ['model.embed_tokens.weight', 'transformer.wte.weight'];

const renamed =
  (rename: (name: string) => string) =>
  (weights: Weights): Weights =>
    new Map([...weights].map(([name, tensor]) => [rename(name), tensor]));
const without = (prefix: string) => renamed((name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
const plus =
  (extra: (weights: Weights) => [string, StoredTensor][]) =>
  (weights: Weights): Weights =>
    new Map([...weights, ...extra(weights)]);
const otherHead = (embedding: string) => plus((weights) => [[HEAD, madeUp(weights.get(embedding)!.shape)]]);

interface Spelling {
  /** Of the fixtures. */
  model: string;
  change: (weights: Weights) => Weights;
  config?: object;
  /** What is said at load. */
  notes: RegExp[];
  /** transformers reads the file so too, and its numbers are the reference; else those of the model before it was renamed. */
  asTransformers?: boolean;
}

const SPELLINGS: Record<string, Spelling> = {
  'a tied model with another head': {
    model: 'llama-tied-gqa',
    change: otherHead(EMBED),
    notes: [/`tie_word_embeddings` is true, but the file holds another lm_head\.weight.*saved as untied/],
    asTransformers: true,
  },
  'a Gemma 2 that does not say it is tied, with another head': {
    model: 'gemma2-tied-gqa',
    change: otherHead(EMBED),
    config: { tie_word_embeddings: undefined },
    notes: [/another lm_head/],
    asTransformers: true,
  },
  'a tied GPT-2 with another head': { model: 'gpt2-tied', change: otherHead(WTE), notes: [/another lm_head/], asTransformers: true },
  'a tied model with the same head': {
    model: 'llama-tied-gqa',
    change: plus((weights) => [[HEAD, weights.get(EMBED)!]]),
    notes: [],
    asTransformers: true,
  },
  'a tied model under the name of its head alone': {
    model: 'qwen2-tied-gqa',
    change: renamed((name) => (name === EMBED ? HEAD : name)),
    notes: [],
    asTransformers: true,
  },
  'a tied GPT-2 under the name of its head alone': {
    model: 'gpt2-tied',
    change: renamed((name) => (name === WTE ? HEAD : name)),
    notes: [],
    asTransformers: true,
  },
  'a base model, tied': {
    model: 'llama-tied-gqa',
    change: without('model.'),
    config: { architectures: ['LlamaModel'] },
    notes: [],
    asTransformers: true,
  },
  'a base model with a head beside': { model: 'llama-untied-mha', change: without('model.'), notes: [] },
  'a GPT-2 as first published, with masks': {
    model: 'gpt2-tied',
    change: (weights) =>
      plus(() => [
        ['h.0.attn.bias', madeUp([1, 1, 4, 4])],
        ['h.1.attn.masked_bias', madeUp([])],
      ])(without('transformer.')(weights)),
    config: { architectures: ['GPT2Model'] },
    notes: [/2 tensors were passed over, buffers of old versions: h\.0\.attn\.bias/],
    asTransformers: true,
  },
  'a model with a value head': {
    model: 'llama-untied-mha',
    change: plus(() => [
      ['v_head.summary.weight', madeUp([1, 8])],
      ['v_head.summary.bias', madeUp([1])],
    ]),
    notes: [/2 tensors were passed over, a head for values/],
    asTransformers: true,
  },
  'a model with a score': {
    model: 'llama-untied-mha',
    change: plus(() => [['score.weight', madeUp([2, 8])]]),
    notes: [/1 tensor was passed over, a head for values, rewards or classes: score\.weight/],
    asTransformers: true,
  },
  'a model with rotary buffers': {
    model: 'llama-tied-gqa',
    change: plus(() => [['model.layers.0.self_attn.rotary_emb.inv_freq', madeUp([4])]]),
    notes: [/buffers of old versions/],
    asTransformers: true,
  },
  'a compiled model': {
    model: 'llama-tied-gqa',
    change: renamed((name) => `_orig_mod.${name}`),
    notes: [/`_orig_mod\.` of torch\.compile, which was taken off/],
  },
  'a model of DistributedDataParallel, compiled within': {
    model: 'llama-untied-mha',
    change: renamed((name) => `module.${name.replace('model.', 'model._orig_mod.')}`),
    notes: [/`module\.` of DistributedDataParallel and `_orig_mod\.`/],
  },
};

function writeSpelling(folder: string, { model, change, config }: Spelling): void {
  cpSync(tinyModelPath(model), folder, { recursive: true });
  const file = path.join(folder, 'model.safetensors');
  writeWeights(file, change(readWeights(file)));
  const settings = JSON.parse(readFileSync(path.join(folder, 'config.json'), 'utf8')) as object;
  writeFileSync(path.join(folder, 'config.json'), renderJson({ ...settings, ...config }));
}

interface Outcome {
  name: string;
  ids: number[][];
  logits: Float64Array;
  notes: readonly string[];
}

async function computeAndSave(name: string, folder: string, saved: string): Promise<Outcome> {
  return withModel(folder, 'cpu', async (model) => {
    const ids = randomRows(3, 2, 20, model.config.outputVocabSize);
    const { logits } = await model.forward(makeBatch(ids));
    const numbers = readNumbers(logits);
    logits.dispose();
    await model.save(saved);
    return { name, ids, logits: numbers, notes: model.notes };
  });
}

async function logitsOf(folder: string, ids: number[][]): Promise<Float64Array> {
  return withModel(folder, 'cpu', async (model) => {
    const { logits } = await model.forward(makeBatch(ids));
    const numbers = readNumbers(logits);
    logits.dispose();
    return numbers;
  });
}

describe('The weights of', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'hyperfit-spellings-'));
  afterAll(() => rmSync(parent, { recursive: true }));
  const outcomes: Outcome[] = [];
  const given = (name: string) => path.join(parent, `${Object.keys(SPELLINGS).indexOf(name)}-given`);
  const saved = (name: string) => path.join(parent, `${Object.keys(SPELLINGS).indexOf(name)}-saved`);

  test.each(Object.keys(SPELLINGS))('%s are read, said and saved so that they read the same', async (name) => {
    const spelling = SPELLINGS[name]!;
    writeSpelling(given(name), spelling);
    const outcome = await computeAndSave(name, given(name), saved(name));
    outcomes.push(outcome);
    expect(outcome.notes).toEqual(spelling.notes.map((note) => expect.stringMatching(note)));
    expect(await logitsOf(saved(name), outcome.ids)).toEqual(outcome.logits);
    expect((await openModelFiles(saved(name))).notes).toEqual([]);
    if (!name.includes('another head'))
      expect(largestDifference(outcome.logits, await logitsOf(tinyModelPath(spelling.model), outcome.ids))).toBe(0);
  });

  (existsSync(PYTHON) ? test : test.skip)(
    'all of these are for transformers what they are for hyperfit, and saved folders load without a missing key (needs the environment of scripts/fixtures.sh)',
    () => {
      const asked = outcomes.flatMap(({ name, ids, logits }) => [
        { name: `${name}, saved`, folder: saved(name), ids, logits, strict: true },
        ...(SPELLINGS[name]!.asTransformers ? [{ name, folder: given(name), ids, logits, strict: false }] : []),
      ]);
      const input = asked.map(({ folder, ids, strict }) => JSON.stringify({ folder, ids, strict })).join('\n');
      const { status, stdout, stderr } = spawnSync(PYTHON, [CHECK], { input, encoding: 'utf8', maxBuffer: 2 ** 28 });
      if (status !== 0) throw new Error(stderr);
      const expected = JSON.parse(stdout) as number[][];
      const differences = asked.map(({ name, logits }, index) => ({ name, difference: largestDifference(logits, expected[index]!) }));
      expect(differences.filter(({ difference }) => !(difference < 1e-4))).toEqual([]);
    },
    120_000,
  );
});

(existsSync(PYTHON) ? test : test.skip)(
  'GGUF files are saved as folders that transformers loads with the same logits (needs the environment of scripts/fixtures.sh)',
  async () => {
    const parent = mkdtempSync(path.join(tmpdir(), 'hyperfit-spellings-'));
    try {
      const saved: (Outcome & { folder: string })[] = [];
      for (const name of GGUF_NAMES) {
        const folder = path.join(parent, name);
        saved.push({
          ...(await computeAndSave(name, path.join(__dirname, '..', 'fixtures', 'files', `gguf-${name}.gguf`), folder)),
          folder,
        });
      }
      const { status, stdout, stderr } = spawnSync(PYTHON, [CHECK], {
        input: saved.map(({ folder, ids }) => JSON.stringify({ folder, ids })).join('\n'),
        encoding: 'utf8',
        maxBuffer: 2 ** 28,
      });
      if (status !== 0) throw new Error(stderr);
      const expected = JSON.parse(stdout) as number[][];
      const differences = saved.map(({ name, logits }, index) => ({ name, difference: largestDifference(logits, expected[index]!) }));
      expect(differences.filter(({ difference }) => !(difference < 1e-4))).toEqual([]);
    } finally {
      rmSync(parent, { recursive: true });
    }
  },
  120_000,
);

describe('Weights are refused', () => {
  const parent = mkdtempSync(path.join(tmpdir(), 'hyperfit-spellings-'));
  afterAll(() => rmSync(parent, { recursive: true }));

  test.each<[string, Spelling['change'], RegExp]>([
    [
      'of a PEFT adapter that is not merged',
      renamed((name) => `base_model.model.${name}`),
      /of a PEFT adapter that is not merged; merge it first/,
    ],
    [
      'with LoRA matrices among them',
      plus(() => [['model.layers.0.self_attn.q_proj.lora_A.default.weight', madeUp([2, 8])]]),
      /lora_A\.default\.weight` of a PEFT adapter/,
    ],
    [
      'of a base model without a head',
      (weights) => new Map([...without('model.')(weights)].filter(([name]) => name !== HEAD)),
      /a head, `lm_head\.weight`.*AutoModelForCausalLM/,
    ],
    [
      'that stand there twice',
      plus((weights) => [['norm.weight', weights.get('model.norm.weight')!]]),
      /`model\.norm\.weight` once in .*, got it again as `norm\.weight`/,
    ],
    ['with a head that has a bias', plus(() => [['lm_head.bias', madeUp([4])]]), /superfluous lm_head\.bias/],
  ])('%s', async (name, change, message) => {
    const folder = path.join(parent, name.replaceAll(' ', '-'));
    writeSpelling(folder, { model: 'llama-untied-mha', change, notes: [] });
    await expect(Model.load(folder)).rejects.toMatchObject({ code: 'ERR_MODEL_FILES', message: expect.stringMatching(message) });
  });

  test.each(['adapter_config.json', 'adapter_model.safetensors', 'adapter_model.bin'])('beside %s', async (name) => {
    const folder = path.join(parent, name);
    writeSpelling(folder, { model: 'llama-untied-mha', change: (weights) => weights, notes: [] });
    writeFileSync(path.join(folder, name), '{}');
    await expect(Model.load(folder)).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringContaining(`got ${name} of a PEFT adapter; give its base as the model`),
    });
  });
});
