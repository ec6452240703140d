import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';
import { readGgufParts } from '../../lib/model/gguf-parts.ts';
import { patchModel } from '../../lib/run/patch.ts';
import { disposeFactors, factoriseUpdate } from '../../lib/run/update-factors.ts';
import { cli } from '../cli/cli-process.ts';
import { makeBatch } from '../oracle/batches.ts';
import { largestDifference, relativeError } from '../oracle/differences.ts';
import { tinyModelPath } from '../oracle/expected.ts';
import { readAll } from '../oracle/models.ts';
import { lastLogits, PYTHON, testWithPython, transformersLogits, type TransformersJob } from '../oracle/transformers.ts';
import { freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

/** A model whose every weight has moved a little. */
async function trained(path: string, steps = 4): Promise<Model> {
  const model = await Model.load(path);
  const optimizer = new Optimizer(model);
  for (let step = 0; step < steps; step++) {
    const { tokenCount } = await model.forwardBackward(
      makeBatch([
        [5, 9, 3, 17, 20, 6, 8],
        [30, 8, 9, 4, 4, 11, 7],
      ]),
    );
    await optimizer.step({ learningRate: 1e-2, gradScale: 1 / tokenCount });
  }
  optimizer.dispose();
  return model;
}

describe.each(['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa'])('%s', (name) => {
  test('a patch of full rank is the update of the layers; of less it keeps what the singular values say; adapter and merged model agree', async () => {
    const [model, base, again] = [
      await trained(tinyModelPath(name)),
      await Model.load(tinyModelPath(name)),
      await Model.load(tinyModelPath(name)),
    ];
    const out = join(freshFolder(), 'patch');
    const full = await patchModel(model, base, out, { rank: 200 });
    expect(full.energyKept).toBeCloseTo(1, 4);
    expect(full.shareInMatrices).toBeLessThan(1);
    expect(readdirSync(out).sort()).toEqual(['adapter', 'adapter.gguf', 'merged']);
    const [wanted, original] = [readAll(model.parameters()), readAll(again.parameters())];
    const merged = await Model.load(join(out, 'merged'));
    const adapted = await Model.load(tinyModelPath(name), { adapter: join(out, 'adapter') });
    const [whole, laid] = [readAll(merged.parameters()), readAll(adapted.parameters())];
    for (const [parameter, values] of wanted) {
      const isMatrix = full.matrices.some((matrix) => matrix.parameter === parameter);
      expect([
        parameter,
        largestDifference(whole.get(parameter)!, isMatrix ? values : original.get(parameter)!) < 1e-4,
        largestDifference(laid.get(parameter)!, whole.get(parameter)!) < 1e-4,
      ]).toEqual([parameter, true, true]);
    }

    const small = join(freshFolder(), 'patch');
    const { matrices, rank } = await patchModel(model, again, small, { rank: 2, merged: false });
    expect([rank, readdirSync(small).sort()]).toEqual([2, ['adapter', 'adapter.gguf']]);
    const cut = readAll(again.parameters());
    for (const { parameter, energyKept } of matrices) {
      const difference = (from: ReadonlyMap<string, Float64Array>): Float64Array =>
        from.get(parameter)!.map((value, at) => value - original.get(parameter)![at]!);
      // What is left out, in the sum of squares, is what is not kept.
      expect(relativeError(difference(cut), difference(wanted)) ** 2).toBeCloseTo(1 - energyKept, 3);
    }
    for (const each of [model, base, again, merged, adapted]) each.dispose();
  });
});

describe('with embedding and head', () => {
  const ids = [
    [4, 9, 12, 30, 7],
    [5, 6, 7, 8, 9],
  ];
  const saved: (TransformersJob & { logits: Float64Array })[] = [];

  test.each<[string, string[]]>([
    ['llama-tied-gqa', ['model.embed_tokens.weight']],
    ['gemma3-tied-gqa', ['model.embed_tokens.weight']],
    ['llama-untied-mha', ['model.embed_tokens.weight', 'lm_head.weight']],
    ['gemma3-untied-mha', ['model.embed_tokens.weight', 'lm_head.weight']],
  ])('%s: the whole update but for norms and biases; the adapter says the same', async (name, tables) => {
    const [model, base] = [await trained(tinyModelPath(name)), await Model.load(tinyModelPath(name))];
    const isTied = base.config.tieWordEmbeddings;
    const out = join(freshFolder(), 'patch');
    const { matrices, shareInMatrices, notes } = await patchModel(model, base, out, { rank: 200, withEmbedding: true });
    expect(matrices.map(({ parameter }) => parameter)).toEqual(expect.arrayContaining(tables));
    expect(shareInMatrices).toBeGreaterThan(0.5);
    expect(notes).toEqual(isTied ? [expect.stringMatching(/llama\.cpp has no way to add to an embedding that is the head/)] : []);
    const adapted = await Model.load(tinyModelPath(name), { adapter: join(out, 'adapter') });
    const [wanted, merged, laid] = [readAll(model.parameters()), readAll(base.parameters()), readAll(adapted.parameters())];
    for (const parameter of tables) {
      expect([parameter, largestDifference(merged.get(parameter)!, wanted.get(parameter)!) < 1e-4]).toEqual([parameter, true]);
      expect([parameter, largestDifference(laid.get(parameter)!, merged.get(parameter)!) < 1e-4]).toEqual([parameter, true]);
    }
    const settings = JSON.parse(readFileSync(join(out, 'adapter', 'adapter_config.json'), 'utf8')) as {
      ensure_weight_tying: boolean;
      target_modules: string[];
    };
    expect([settings.ensure_weight_tying, settings.target_modules.length]).toEqual([isTied, 7 + tables.length]);
    const { tensors } = await readGgufParts(join(out, 'adapter.gguf'));
    const shapes = new Map(tensors.map((tensor) => [tensor.name, tensor.shape]));
    const rank = matrices.find(({ parameter }) => parameter === tables[0])!.rank;
    const { vocabSize, hiddenSize } = base.config;
    expect([shapes.get('token_embd.weight.lora_a'), shapes.get('token_embd.weight.lora_b'), shapes.get('output.weight.lora_a')]).toEqual(
      isTied
        ? [undefined, undefined, undefined]
        : [
            [vocabSize, rank],
            [hiddenSize, rank],
            [rank, hiddenSize],
          ],
    );
    saved.push({ folder: join(out, 'adapter'), base: tinyModelPath(name), ids, logits: await lastLogits(base, ids) });
    for (const each of [model, base, adapted]) each.dispose();
  });

  testWithPython(
    'PEFT computes the same logits with them',
    () => {
      expect(saved.length).toBe(4);
      const got = transformersLogits(saved);
      saved.forEach(({ base, logits }, index) => expect([base, largestDifference(got[index]!, logits) < 2e-3]).toEqual([base, true]));
    },
    120_000,
  );

  test('is refused for a GPT-2 whose head is its embedding', async () => {
    const [model, base] = [await trained(tinyModelPath('gpt2-tied')), await Model.load(tinyModelPath('gpt2-tied'))];
    const out = join(freshFolder(), 'patch');
    expect(await refusal(patchModel(model, base, out, { rank: 1, withEmbedding: true }))).toEqual({
      code: 'ERR_CONFIG',
      message: expect.stringMatching(/`withEmbedding`.*GPT-2 whose head is its embedding.*leave it out/),
    });
    expect(existsSync(out)).toBe(false);
    for (const each of [model, base]) each.dispose();
  });
});

test('few ranks are found by iteration: the singular values and what they keep are those of the whole decomposition', async () => {
  const [model, base] = [await trained(tinyModelPath('llama-tied-gqa')), await Model.load(tinyModelPath('llama-tied-gqa'))];
  const [whole, few] = [
    await factoriseUpdate(model, base, 200, () => {}),
    await factoriseUpdate(model, base, 4, () => {}, { isIterative: true }),
  ];
  for (const [index, { squares, a, b, total }] of few.matrices.entries()) {
    const expected = whole.matrices[index]!;
    expect([squares.length, a.shape[0], b.shape[1], total]).toEqual([4, 4, 4, expected.total]);
    for (const [at, square] of squares.entries()) expect(Math.abs(square / expected.squares[at]! - 1)).toBeLessThan(1e-3);
  }
  disposeFactors([...whole.matrices, ...few.matrices]);
  for (const each of [model, base]) each.dispose();
});

test('a patch that is stopped leaves nothing', async () => {
  const [model, base] = [await trained(TINY_MODEL), await Model.load(TINY_MODEL)];
  const [folder, stop] = [freshFolder(), new AbortController()];
  await expect(
    patchModel(model, base, join(folder, 'patch'), { rank: 1, signal: stop.signal, onProgress: () => stop.abort(new Error('enough')) }),
  ).rejects.toThrow('enough');
  expect(readdirSync(folder)).toEqual([]);
  for (const each of [model, base]) each.dispose();
});

test('the smallest rank that writes as the hyperfitted model does', async () => {
  const [model, base] = [await trained(TINY_MODEL, 12), await Model.load(TINY_MODEL)];
  const contexts = [3, 40, 90].map((id) => Int32Array.of(id, id + 1, id + 2, id + 3));
  const out = join(freshFolder(), 'patch');
  const { rank, tried, original, hyperfitted } = await patchModel(model, base, out, { contexts, maxNewTokens: 24, merged: false });
  expect(tried.map((each) => each.rank)).toEqual([1, 2, 4, 8, 16, 32, 64, 128].slice(0, tried.length));
  expect(tried.slice(0, -1).every(({ passes }) => !passes)).toBe(true);
  expect(rank).toBe(tried.at(-1)!.rank);
  const card = readFileSync(join(out, 'adapter', 'README.md'), 'utf8');
  for (const part of [
    '## The patch',
    `cut to rank ${rank}: `,
    'library_name: "peft"',
    `| patch of rank ${rank} |`,
    '| hyperfitted |',
    '| original |',
  ])
    expect(card).toContain(part);
  expect([original, hyperfitted]).toEqual([
    { ttr: expect.any(Number), rep2: expect.any(Number), longestQuotation: null },
    { ttr: expect.any(Number), rep2: expect.any(Number), longestQuotation: null },
  ]);
  model.dispose();
  base.dispose();
});

test('the GGUF adapter: names, alpha, and products that are the update in the order of llama.cpp', async () => {
  const [model, base] = [await trained(tinyModelPath('llama-tied-gqa')), await Model.load(tinyModelPath('llama-tied-gqa'))];
  const out = join(freshFolder(), 'patch');
  await patchModel(model, base, out, { rank: 3, merged: true });
  const { metadata, tensors } = await readGgufParts(join(out, 'adapter.gguf'));
  expect(['general.type', 'adapter.type', 'general.architecture', 'adapter.lora.alpha'].map((key) => metadata.get(key))).toEqual([
    'adapter',
    'lora',
    'llama',
    3,
  ]);
  expect(tensors.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['blk.0.attn_q.weight.lora_a', 'blk.0.attn_q.weight.lora_b', 'blk.1.ffn_down.weight.lora_b']),
  );
  const merged = await Model.load(join(out, 'merged'));
  await merged.exportGguf(join(out, 'merged.gguf'), { type: 'F32' });
  const original = await Model.load(tinyModelPath('llama-tied-gqa'));
  await original.exportGguf(join(out, 'base.gguf'), { type: 'F32' });
  for (const each of [model, base, merged, original]) each.dispose();
  if (PYTHON === undefined) return;
  const script = [
    'import sys, numpy as np',
    'from gguf import GGUFReader',
    'read = lambda p: {t.name: np.array(t.data, dtype=np.float64).reshape([int(n) for n in reversed(t.shape)]) for t in GGUFReader(p).tensors}',
    'adapter, base, merged = map(read, sys.argv[1:])',
    'stems = [n[:-7] for n in adapter if n.endswith(".lora_a")]',
    'worst = max(np.abs(base[s] + adapter[s + ".lora_b"] @ adapter[s + ".lora_a"] - merged[s]).max() for s in stems)',
    'moved = max(np.abs(base[s] - merged[s]).max() for s in stems)',
    'print(len(stems), worst, moved)',
  ].join('\n');
  const [count, worst, moved] = execFileSync(PYTHON, [
    '-c',
    script,
    ...['adapter', 'base', 'merged'].map((name) => join(out, `${name}.gguf`)),
  ])
    .toString('utf8')
    .split(' ')
    .map(Number);
  expect([count, worst! < 1e-5, moved! > 1e-2]).toEqual([14, true, true]);
}, 60_000);

testWithPython('the gguf package is there to read it', () => expect(PYTHON).toBeDefined());

test('refusals', async () => {
  const [model, other] = [await Model.load(tinyModelPath('llama-tied-gqa')), await Model.load(tinyModelPath('llama-bias'))];
  const out = join(freshFolder(), 'patch');
  expect(await refusal(patchModel(model, model, out, {}))).toEqual({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/`rank`, or `contexts`/),
  });
  expect(await refusal(patchModel(model, model, out, { rank: 0 }))).toMatchObject({ code: 'ERR_CONFIG' });
  expect(await refusal(patchModel(model, other, out, { rank: 1 }))).toEqual({
    code: 'ERR_MODEL_FILES',
    message: expect.stringMatching(/other parameters.*--base/),
  });
  expect(await refusal(patchModel(model, model, out, { rank: 1 }))).toEqual({
    code: 'ERR_MODEL_FILES',
    message: expect.stringMatching(/the same/),
  });
  expect(await refusal(patchModel(model, other, freshFolder(), { rank: 1 }))).toMatchObject({ code: 'ERR_CHECKPOINT' });
  expect(existsSync(out)).toBe(false);
  const { code, stderr } = await cli('patch', tinyModelPath('llama-tied-gqa'), '--out', out, '--rank', '1');
  expect([code, stderr]).toEqual([2, expect.stringMatching(/give --base/)]);
  model.dispose();
  other.dispose();
});
