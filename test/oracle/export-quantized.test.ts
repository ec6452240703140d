import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { GgufFileType } from '../../lib/model/gguf-mix.ts';
import { readGgufHeader } from '../../lib/model/gguf.ts';
import { Model } from '../../lib/model/model.ts';
import { findGemma3, gemma3Expectation } from './gemma3-file.ts';
import { largestDifference } from './differences.ts';
import { readNumbers } from './models.ts';
import { findSmolLM2 } from './smollm2-file.ts';

const MINUTES = 60_000;
/** What scripts/fixtures/gguf_quantized.py writes. */
const expected = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'gguf-quantized.json'), 'utf8')) as {
  source: string;
  tensors: Record<string, string>;
};
const folder = mkdtempSync(join(tmpdir(), 'hyperfit-quantized-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of name, type and bytes of each tensor, by name. */
async function hashTensors(path: string): Promise<string> {
  const { tensors } = await readGgufHeader(path);
  const bytes = readFileSync(path);
  const hash = createHash('sha256');
  for (const { name, type, offset, byteLength } of tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    hash.update(`${name} ${type}\n`).update(bytes.subarray(offset, offset + byteLength));
  }
  return hash.digest('hex');
}

const smollm2 = findSmolLM2();
(smollm2 === undefined ? describe.skip : describe)(
  `SmolLM2-135M: every tensor of the file is, in type and bytes, what llama.cpp quantises the float32 file to${smollm2 === undefined ? ' (the GGUF is not in the cache; run `npm test`)' : ''}`,
  () => {
    let model: Model;
    beforeAll(async () => {
      model = await Model.load(smollm2!);
    }, 5 * MINUTES);
    afterAll(() => model.dispose());

    test.each(['F32', ...Object.keys(expected.tensors)] as GgufFileType[])(
      '%s',
      async (type) => {
        const path = join(folder, `${type}.gguf`);
        await model.exportGguf(path, { type });
        expect(await hashTensors(path)).toBe(type === 'F32' ? expected.source : expected.tensors[type]);
        await rm(path);
      },
      5 * MINUTES,
    );
  },
);

const gemma = findGemma3();
(gemma === undefined ? describe.skip : describe)(
  `Gemma 3 270M${gemma === undefined ? ' (the GGUF is not in the cache; run `node scripts/setup.mjs gemma`)' : ''}`,
  () => {
    test(
      'exported as F32 it has the logits of the model, and writes the greedy ids of llama.cpp',
      async () => {
        const said = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'gemma3-llama-cpp.json'), 'utf8')) as { ids: number[][] };
        const path = join(folder, 'gemma.gguf');
        const model = await Model.load(gemma!);
        await model.exportGguf(path, { type: 'F32' });
        const again = await Model.load(path);
        const [prompt] = gemma3Expectation.prompts;
        const batch = { tokens: Int32Array.from(prompt!), batchSize: 1, sequenceLength: prompt!.length };
        const [ours, theirs] = [(await model.forward(batch)).logits, (await again.forward(batch)).logits];
        expect(largestDifference(readNumbers(theirs), readNumbers(ours))).toBeLessThan(1e-3);
        const generations = await again.generate(gemma3Expectation.prompts, { maxNewTokens: 48, minNewTokens: 48 });
        expect(generations.map(({ ids }) => [...ids])).toEqual(said.ids);
        for (const tensor of [ours, theirs]) tensor.dispose();
        for (const each of [model, again]) each.dispose();
      },
      10 * MINUTES,
    );
  },
);

(smollm2 === undefined ? test.skip : test)(
  'an export needs little memory beside the model',
  async () => {
    const model = await Model.load(smollm2!);
    const before = process.memoryUsage().rss;
    let most = before;
    const { bytes } = await model.exportGguf(join(folder, 'memory.gguf'), {
      type: 'F32',
      onProgress: () => (most = Math.max(most, process.memoryUsage().rss)),
    });
    model.dispose();
    expect(bytes).toBeGreaterThan(500e6);
    expect(most - before).toBeLessThan(bytes / 4);
  },
  5 * MINUTES,
);
