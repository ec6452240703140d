import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addon } from '../../lib/addon.ts';
import type { TensorHandle, TensorSource } from '../../lib/addon-types.ts';
import { readConfigJson } from '../../lib/model/config.ts';
import type { JsonObject } from '../../lib/model/json.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { readSafetensorsHeader } from '../../lib/model/safetensors.ts';
import { describeOnEachDevice } from '../devices.ts';
import { largestDifference } from '../oracle/differences.ts';
import { readNumbers, withModel } from '../oracle/models.ts';

const FILES = join(__dirname, '..', 'fixtures', 'files');
const NAMES = ['llama', 'mistral', 'qwen2', 'qwen3', 'gemma2', 'gemma3', 'gpt2'];
const configs = JSON.parse(readFileSync(join(FILES, 'gguf-configs.json'), 'utf8')) as Record<string, JsonObject>;
const ggufPath = (name: string) => join(FILES, `gguf-${name}.gguf`);

interface Expected {
  shape: number[];
  numbers: Float32Array | Int32Array;
}

/** Name -> numbers as they stand in the fixture, read without the addon. */
async function readExpected(name: string): Promise<Map<string, Expected>> {
  const path = join(FILES, `gguf-${name}.safetensors`);
  const bytes = readFileSync(path);
  const { tensors } = await readSafetensorsHeader(path);
  return new Map(
    tensors.map(({ name: tensor, offset, byteLength, shape, dtype }) => {
      const buffer = Uint8Array.from(bytes.subarray(offset, offset + byteLength)).buffer;
      return [tensor, { shape: [...shape], numbers: dtype === 'F32' ? new Float32Array(buffer) : new Int32Array(buffer) }];
    }),
  );
}

function readHandle(handle: TensorHandle): Expected {
  const { shape } = addon().tensorInfo(handle);
  const numbers = new Float32Array(shape.reduce((product, size) => product * size, 1));
  addon().tensorRead(handle, numbers);
  addon().tensorDispose(handle);
  return { shape, numbers };
}

describe("GGUF as llama.cpp's converter writes it, against the Hugging Face model that it was made from", () => {
  test.each(NAMES)('%s: the configuration is that of config.json', async (name) => {
    const { config } = await openModelFiles(ggufPath(name));
    expect(config).toEqual(readConfigJson(configs[name]!, 'config.json'));
  });
});

describeOnEachDevice("GGUF as llama.cpp's converter writes it, loaded", (device) => {
  test.each(NAMES)('%s: every weight', async (name) => {
    const expected = await readExpected(name);
    const { sources } = await openModelFiles(ggufPath(name));
    const handles = await addon().tensorsLoad(sources, device);
    const weights = [...expected.keys()].filter((tensor) => tensor !== 'input_ids' && tensor !== 'logits');
    expect(sources.map((source) => source.name).sort()).toEqual(weights.sort());
    for (const [index, source] of sources.entries()) {
      const { shape, numbers } = readHandle(handles[index]!);
      const wanted = expected.get(source.name)!;
      expect({ name: source.name, shape }).toEqual({ name: source.name, shape: wanted.shape });
      // Norms that were stored as 1 + w have lost the bits below those of 1.
      expect(largestDifference(numbers, wanted.numbers)).toBeLessThanOrEqual(source.add === 0 ? 0 : 2 ** -23);
    }
  });

  test.each(NAMES)('%s: logits', async (name) => {
    const expected = await readExpected(name);
    const ids = expected.get('input_ids')!;
    const [batchSize, sequenceLength] = ids.shape as [number, number];
    await withModel(ggufPath(name), device, async (model) => {
      const { logits } = await model.forward({ tokens: ids.numbers as Int32Array, batchSize, sequenceLength });
      const numbers = readNumbers(logits);
      logits.dispose();
      expect(largestDifference(numbers, expected.get('logits')!.numbers)).toBeLessThan(1e-4);
    });
  });
});

describe('What makes parameters of stored numbers', () => {
  const load = async (changes: Partial<TensorSource>) => {
    const { sources } = await openModelFiles(ggufPath('llama'));
    const source = sources.find(({ name }) => name === 'model.layers.0.mlp.up_proj.weight')!;
    const [plain, changed] = await addon().tensorsLoad([source, { ...source, ...changes }], 'cpu');
    return [readHandle(plain!), readHandle(changed!)] as const;
  };

  test('a number may be added to each', async () => {
    const [plain, changed] = await load({ add: -1 });
    expect(changed.numbers).toEqual(plain.numbers.map((number) => Math.fround(number - 1)));
  });

  test('a matrix may be turned over', async () => {
    const [{ shape, numbers }, turned] = await load({ transposed: true });
    const [rows, columns] = shape as [number, number];
    expect(turned.shape).toEqual([columns, rows]);
    expect(Array.from(turned.numbers)).toEqual(Array.from(numbers, (_, at) => numbers[(at % rows) * columns + Math.floor(at / rows)]));
  });

  test('of which only a matrix may', async () => {
    const { sources } = await openModelFiles(ggufPath('llama'));
    const norm = { ...sources.find(({ name }) => name === 'model.norm.weight')!, transposed: true };
    await expect(addon().tensorsLoad([norm], 'cpu')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringContaining('a matrix'),
    });
  });
});
