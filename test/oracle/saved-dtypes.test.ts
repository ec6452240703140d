import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { renderModelCard } from '../../lib/model/model-card.ts';
import { expectedParameters } from '../../lib/model/parameters.ts';
import { freshFolder, refusal } from '../train/tiny.ts';
import { largestDifference } from './differences.ts';
import { tinyModelPath } from './expected.ts';
import { lastLogits, testWithPython, transformersLogits, type TransformersJob } from './transformers.ts';

const yaml = createRequire(__filename)('js-yaml') as { load(text: string): Record<string, unknown> };
const frontMatter = (folder: string): Record<string, unknown> =>
  yaml.load(/^---\n([\s\S]*?)\n---\n/.exec(readFileSync(join(folder, 'README.md'), 'utf8'))![1]!);
const ids = [
  [4, 9, 12, 30, 7],
  [5, 6, 7, 8, 9],
];

describe('saved models', () => {
  const saved: (TransformersJob & { logits: Float64Array; margin: number })[] = [];

  test.each([
    ['llama-tied-gqa', 'bfloat16', undefined, 2 ** -8],
    ['llama-untied-mha', 'float32', '20KB', 0],
    ['gpt2-tied', 'float16', undefined, 2 ** -11],
    ['gemma3-tied-gqa', 'bfloat16', '30KB', 2 ** -8],
  ] as const)('%s as %s, shards of %s: read again, rounded as far as the type is coarse', async (base, dtype, maxShardSize, most) => {
    const model = await Model.load(tinyModelPath(base));
    const folder = join(freshFolder(), 'saved');
    const { rounding, files, bytes } = await model.save(folder, { dtype, maxShardSize });
    const weights = [...expectedParameters(model.config).values()].reduce(
      (sum, shape) => sum + shape.reduce((product, size) => product * size, 1),
      0,
    );
    expect(bytes).toBe(weights * (dtype === 'float32' ? 4 : 2));
    expect(files.includes('model.safetensors.index.json')).toBe(maxShardSize !== undefined);
    if (most === 0) expect(rounding).toBeNull();
    // Below 6e-5 float16 has fewer digits.
    else
      expect([
        rounding!.largest <= (dtype === 'float16' ? 1 : most),
        rounding!.largest > most / 4,
        rounding!.mean > most / 16,
        rounding!.mean < rounding!.largest,
      ]).toEqual([true, true, true, true]);
    expect(
      (JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as Record<string, unknown>)[
        base === 'llama-tied-gqa' ? 'torch_dtype' : 'dtype'
      ],
    ).toBe(dtype);
    const again = await Model.load(folder);
    expect((await again.changedShare(model.files)) > 0.5).toBe(most > 0);
    saved.push({ folder, ids, logits: await lastLogits(again, ids), margin: dtype === 'float32' ? 2e-3 : 1e-2 });
    expect(frontMatter(folder)).toEqual({
      library_name: 'transformers',
      license: 'unknown',
      pipeline_tag: 'text-generation',
      tags: ['hyperfit'],
    });
    for (const each of [model, again]) each.dispose();
  });

  testWithPython(
    'transformers computes the same logits with them',
    () => {
      const got = transformersLogits(saved);
      expect(saved.length).toBe(4);
      saved.forEach(({ logits, margin }, index) => expect(largestDifference(got[index]!, logits)).toBeLessThan(margin));
    },
    120_000,
  );

  test('weights beyond the range of float16 are refused, and nothing is left', async () => {
    const model = await Model.load(tinyModelPath('llama-tied-gqa'));
    const parameters = model.parameters();
    parameters.get('model.norm.weight')!.mul_(1e6);
    const folder = join(freshFolder(), 'saved');
    expect(await refusal(model.save(folder, { dtype: 'float16' }))).toEqual({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(/model\.norm\.weight.*bfloat16/),
    });
    await model.save(folder, { dtype: 'bfloat16' });
    for (const tensor of parameters.values()) tensor.dispose();
    model.dispose();
  });
});

test('front matter survives every name', () => {
  const card = renderModelCard({
    title: 'a: "b"\n# c',
    baseModel: 'owner/na"me: x',
    baseName: 'x',
    license: 'apache-2.0',
    library: 'transformers',
    tags: ['- odd: tag', "'"],
    dtype: 'float32',
    isHyperfitted: true,
  });
  expect(yaml.load(/^---\n([\s\S]*?)\n---\n/.exec(card)![1]!)).toEqual({
    base_model: 'owner/na"me: x',
    library_name: 'transformers',
    license: 'apache-2.0',
    pipeline_tag: 'text-generation',
    tags: ['hyperfitting', 'hyperfit', '- odd: tag', "'"],
  });
});
