import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { disposeAdditions } from '../../lib/model/adapter.ts';
import { writeGgufAdapter } from '../../lib/model/adapter-gguf.ts';
import type { GgufFileType } from '../../lib/model/gguf-mix.ts';
import { Model } from '../../lib/model/model.ts';
import { readSmolLM2Expectation } from './expected.ts';
import { addAll, ADAPTED_MODELS, LLAMA_CPP_MODELS, makeAdditions, makeModel, promptsOf, writeOn } from './exported-models.ts';
import { findGemma3, gemma3Expectation } from './gemma3-file.ts';
import { findSmolLM2 } from './smollm2-file.ts';

const MINUTES = 60_000;
/** What scripts/fixtures/gguf_export.mjs writes: what llama.cpp makes of the files that are exported here. */
interface Said {
  sha256: string;
  /** Greedy, one list a prompt. */
  ids: number[][];
  /** Of `TEXTS`, without special tokens. */
  tokenized: number[][];
}
const FIXTURE = join(__dirname, '..', 'fixtures', 'gguf-export.json');
const { prompts } = readSmolLM2Expectation().decoding;
const TEXTS = [
  "The quick brown fox, it's said, JUMPED over 1 lazy dog; 22 times, 333 or 4444!",
  '  two  spaces,\ttabs\n\nnew lines \n  indented',
  'Ärger, naïve façade, 我想在apple工作 🚀 Привет',
];

/** For the program that asks llama.cpp: where to leave the files. */
const keep = process.env.HYPERFIT_EXPORTS;
const groups = (process.env.HYPERFIT_EXPORTED_GROUPS ?? '').split(',');
const folder = keep ?? mkdtempSync(join(tmpdir(), 'hyperfit-export-'));
const said = (keep === undefined ? JSON.parse(readFileSync(FIXTURE, 'utf8')) : {}) as {
  tiny: Record<string, Said>;
  smollm2: Record<string, Said>;
  adapters: Record<string, Said>;
  gemma?: Record<string, Said>;
};
afterAll(() => (keep === undefined ? rm(folder, { recursive: true, force: true }) : undefined));

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const GEMMA_TYPES: GgufFileType[] = ['F32', 'Q8_0', 'Q4_K_M'];
const QUANTIZED: GgufFileType[] = ['Q8_0', 'Q6_K', 'Q5_K_M', 'Q4_K_M', 'Q4_0'];

if (keep !== undefined) {
  test(
    'leaves the files',
    async () => {
      const list: object[] = [];
      for (const name of groups.includes('tiny') ? LLAMA_CPP_MODELS : []) {
        const model = await Model.load(await makeModel(name, folder));
        await model.exportGguf(join(folder, `${name}.gguf`), { type: 'F32', name });
        list.push({
          group: 'tiny',
          name,
          file: `${name}.gguf`,
          prompts: promptsOf(model.config.vocabSize).map((ids) => [...ids]),
          texts: TEXTS,
        });
        model.dispose();
      }
      for (const name of groups.includes('adapters') ? ADAPTED_MODELS : []) {
        const [model, adapter] = await exportAdapted(name);
        list.push({
          group: 'adapters',
          name,
          file: `${name}.gguf`,
          adapter,
          prompts: promptsOf(model.config.vocabSize).map((ids) => [...ids]),
          texts: [],
        });
        model.dispose();
      }
      const gemmaPath = groups.includes('gemma') ? findGemma3() : undefined;
      const gemma = gemmaPath === undefined ? undefined : await Model.load(gemmaPath);
      for (const type of gemma === undefined ? [] : GEMMA_TYPES) {
        await gemma!.exportGguf(join(folder, `gemma-${type}.gguf`), { type, name: 'Gemma' });
        list.push({ group: 'gemma', name: type, file: `gemma-${type}.gguf`, prompts: gemma3Expectation.prompts, texts: TEXTS });
      }
      gemma?.dispose();
      const path = groups.includes('smollm2') ? findSmolLM2() : undefined;
      const model = path === undefined ? undefined : await Model.load(path);
      for (const type of ['F32', ...QUANTIZED] as const) {
        if (model === undefined) continue;
        await model.exportGguf(join(folder, `smollm2-${type}.gguf`), { type, name: 'SmolLM2' });
        list.push({ group: 'smollm2', name: type, file: `smollm2-${type}.gguf`, prompts, texts: TEXTS });
      }
      model?.dispose();
      writeFileSync(join(folder, 'list.json'), JSON.stringify(list));
    },
    10 * MINUTES,
  );
} else {
  describe('Tiny models of every family, exported as F32: llama.cpp writes the same 8 x 48 greedy ids', () => {
    test.each(LLAMA_CPP_MODELS)('%s', async (name) => {
      const path = join(folder, `${name}.gguf`);
      const model = await Model.load(await makeModel(name, folder));
      await model.exportGguf(path, { type: 'F32', name });
      const expected = said.tiny[name]!;
      // These ids are those of this very file.
      expect(sha256(path)).toBe(expected.sha256);
      expect(await writeOn(model, promptsOf(model.config.vocabSize))).toEqual(expected.ids);
      const tokenizer = model.requireTokenizer();
      for (const [index, text] of TEXTS.entries())
        expect(expected.tokenized[index]).toEqual([...(await tokenizer.encode(text, { addSpecialTokens: false }))]);
      model.dispose();
    });
  });

  describe('An adapter beside the unchanged file: llama.cpp writes the 8 x 48 greedy ids of the model with the additions in its weights', () => {
    test.each(ADAPTED_MODELS)('%s', async (name) => {
      const [model, adapter] = await exportAdapted(name);
      const expected = said.adapters[name]!;
      expect(sha256(join(folder, adapter))).toBe(expected.sha256);
      const prompts = promptsOf(model.config.vocabSize);
      const before = await writeOn(model, prompts);
      const additions = makeAdditions(model);
      addAll(model, additions);
      disposeAdditions(additions);
      expect(await writeOn(model, prompts)).toEqual(expected.ids);
      expect(before).not.toEqual(expected.ids);
      model.dispose();
    });
  });

  const gemmaPath = findGemma3();
  const hasGemma = gemmaPath !== undefined && said.gemma !== undefined;
  (hasGemma ? describe : describe.skip)(
    `Gemma 3 270M, exported${hasGemma ? '' : ' (the GGUF is not in the cache; run `node scripts/setup.mjs gemma`)'}`,
    () => {
      test(
        'F32: llama.cpp writes the same 8 x 48 greedy ids, and has the same tokenizer; Q8_0 and Q4_K_M are the files that it read',
        async () => {
          const model = await Model.load(gemmaPath!);
          for (const type of GEMMA_TYPES) {
            const file = join(folder, `gemma-${type}.gguf`);
            await model.exportGguf(file, { type, name: 'Gemma' });
            expect([type, sha256(file)]).toEqual([type, said.gemma![type]!.sha256]);
            await rm(file);
          }
          const expected = said.gemma!['F32']!;
          expect(await writeOn(model, gemma3Expectation.prompts)).toEqual(expected.ids);
          for (const [index, text] of TEXTS.entries())
            expect(expected.tokenized[index]).toEqual([...(await model.requireTokenizer().encode(text, { addSpecialTokens: false }))]);
          model.dispose();
        },
        20 * MINUTES,
      );
    },
  );

  const path = findSmolLM2();
  const isThere = path !== undefined && said.smollm2 !== undefined;
  (isThere ? describe : describe.skip)(`SmolLM2-135M, exported${isThere ? '' : ' (the GGUF is not in the cache; run `npm test`)'}`, () => {
    let model: Model;
    beforeAll(async () => {
      model = await Model.load(path!);
    }, 5 * MINUTES);
    afterAll(() => model.dispose());

    test(
      'F32: llama.cpp writes the same 8 x 48 greedy ids, and has the same tokenizer',
      async () => {
        const file = join(folder, 'smollm2-F32.gguf');
        await model.exportGguf(file, { type: 'F32', name: 'SmolLM2' });
        const expected = said.smollm2['F32']!;
        expect(sha256(file)).toBe(expected.sha256);
        expect(await writeOn(model, prompts)).toEqual(expected.ids);
        for (const [index, text] of TEXTS.entries())
          expect(expected.tokenized[index]).toEqual([...(await model.requireTokenizer().encode(text, { addSpecialTokens: false }))]);
      },
      5 * MINUTES,
    );

    // llama.cpp rounds activations to eight bits beside quantised weights, so that not all texts are the same.
    test.each<[GgufFileType, number]>([
      ['Q8_0', 0.2],
      ['Q4_K_M', 0.2],
    ])(
      '%s: the same file, and before a share of %d of the greedy ids the two do not part',
      async (type, least) => {
        const file = join(folder, `smollm2-${type}.gguf`);
        await model.exportGguf(file, { type, name: 'SmolLM2' });
        const expected = said.smollm2[type]!;
        expect(sha256(file)).toBe(expected.sha256);
        const again = await Model.load(file);
        const ours = await writeOn(again, prompts);
        again.dispose();
        expect(sharedPrefix(ours, expected.ids)).toBeGreaterThan(least);
      },
      5 * MINUTES,
    );
  });
}

/** The model as F32, and its adapter's file beside. */
async function exportAdapted(name: string): Promise<[Model, string]> {
  const model = await Model.load(await makeModel(name, folder));
  await model.exportGguf(join(folder, `${name}.gguf`), { type: 'F32', name, overwrite: true });
  const additions = makeAdditions(model);
  const adapter = `${name}-adapter.gguf`;
  await writeGgufAdapter(join(folder, adapter), additions, model.config, name);
  disposeAdditions(additions);
  return [model, adapter];
}

/** Of all ids, those before the texts part. */
function sharedPrefix(ours: readonly number[][], theirs: readonly number[][]): number {
  const shared = ours.map((ids, row) => {
    const parted = ids.findIndex((id, at) => id !== theirs[row]![at]);
    return (parted === -1 ? ids.length : parted) / ids.length;
  });
  return shared.reduce((sum, each) => sum + each, 0) / shared.length;
}
