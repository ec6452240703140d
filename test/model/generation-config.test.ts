import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { saveBest } from '../../lib/checkpoint/best-checkpoint.ts';
import { saveCheckpoint } from '../../lib/checkpoint/checkpoint.ts';
import { initialState } from '../../lib/train/beginning.ts';
import {
  generationDefaults,
  makeGenerationConfig,
  noteGenerationDefaults,
  readGenerationTokens,
} from '../../lib/model/generation-config.ts';
import type { JsonObject } from '../../lib/model/json.ts';
import { Model } from '../../lib/model/model.ts';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { Optimizer } from '../../lib/model/optimizer.ts';

const FIXTURES = join(__dirname, '..', 'fixtures');
const FILE = 'generation_config.json';
/** As of an instructed model whose config.json names another end than its turns have. */
const CHAT: JsonObject = {
  bos_token_id: 0,
  eos_token_id: [1, 7],
  pad_token_id: 1,
  do_sample: true,
  temperature: 0.7,
  top_k: 20,
  top_p: 0.8,
  repetition_penalty: 1.05,
  transformers_version: '4.44.0',
  some_key: { kept: [1] },
};
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-generation-config-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function makeChatModel(): string {
  const path = join(folder, 'chat');
  cpSync(join(FIXTURES, 'models', 'tiny-text'), path, { recursive: true });
  writeFileSync(join(path, FILE), JSON.stringify(CHAT));
  return path;
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(join(path, FILE), 'utf8'));
}

describe('generation_config.json', () => {
  test('travels as a whole into what is saved: a model, a checkpoint and the best weights; the ends of text are the same there', async () => {
    const model = await Model.load(makeChatModel());
    const optimizer = new Optimizer(model);
    try {
      await model.save(join(folder, 'saved'));
      const state = { ...initialState({ sequences: [], settings: { order: 'shuffle', seed: 0, batchSize: 1 } }), step: 1 };
      const checkpoint = await saveCheckpoint(join(folder, 'checkpoints'), { model, optimizer, state });
      const best = await saveBest(join(folder, 'checkpoints'), ['loss', 'generation'], model, {
        step: 1,
        trainLoss: 1,
        ttr: 0.5,
        rep2: 0.5,
      });
      for (const path of [join(folder, 'saved'), checkpoint, ...best.map(({ path: each }) => each)]) {
        expect(read(path)).toEqual(CHAT);
        expect((await openModelFiles(path)).eosTokenIds).toEqual([1, 7]);
      }
    } finally {
      optimizer.dispose();
      model.dispose();
    }
  });

  test('spells its numbers as transformers wants them', async () => {
    const path = makeChatModel();
    writeFileSync(join(path, FILE), JSON.stringify({ ...CHAT, temperature: 1, repetition_penalty: 1 }));
    const model = await Model.load(path);
    await model.save(join(folder, 'saved'));
    model.dispose();
    expect(readFileSync(join(folder, 'saved', FILE), 'utf8')).toMatch(/"temperature": 1\.0,[^]*"repetition_penalty": 1\.0,/);
  });

  test('is made for a GGUF file', async () => {
    const model = await Model.load(join(FIXTURES, 'files', 'tiny-llama.gguf'));
    await model.save(join(folder, 'saved'));
    const { eosTokenIds, bosTokenId } = model.files;
    model.dispose();
    expect(existsSync(join(folder, 'saved', FILE))).toBe(true);
    const saved = await openModelFiles(join(folder, 'saved'));
    expect([saved.eosTokenIds, saved.bosTokenId]).toEqual([eosTokenIds, bosTokenId]);
  });

  test('that is none stays none, and config.json goes on saying where texts end', async () => {
    const path = makeChatModel();
    await rm(join(path, FILE));
    const model = await Model.load(path);
    await model.save(join(folder, 'saved'));
    expect(existsSync(join(folder, 'saved', FILE))).toBe(false);
    expect((await openModelFiles(join(folder, 'saved'))).eosTokenIds).toEqual(model.eosTokenIds);
    model.dispose();
  });

  test('that does not parse is refused, naming it', async () => {
    const path = makeChatModel();
    writeFileSync(join(path, FILE), '{"eos_token_id": [1,');
    await expect(openModelFiles(path)).rejects.toMatchObject({ code: 'ERR_MODEL_FILES', message: expect.stringContaining(FILE) });
  });

  test('is said once at load where transformers would do otherwise by default', async () => {
    const said: string[] = [];
    const model = await Model.load(makeChatModel(), { onWarning: (message) => said.push(message) });
    expect(said).toEqual(
      [
        expect.stringMatching(
          /asks for do_sample true, repetition_penalty 1\.05, temperature 0\.7, top_k 20, top_p 0\.8, which transformers applies by itself/,
        ),
      ].map((each) => each),
    );
    expect(model.notes).toEqual(said);
    model.dispose();
  });
});

describe('What transformers would do by default', () => {
  test.each<[string, JsonObject, string[]]>([
    ['nothing', { eos_token_id: 2, max_length: 4096, max_new_tokens: 20, transformers_version: '5' }, []],
    ['sampling settings without sampling', { temperature: 0.7, top_p: 0.9, top_k: 50 }, []],
    ['sampling at neutral settings', { do_sample: true, temperature: 1, top_p: 1, top_k: 0 }, ['do_sample']],
    ['a penalty', { repetition_penalty: 1.1, no_repeat_ngram_size: 0 }, ['repetition_penalty']],
    ['beams and a least length', { num_beams: 4, min_length: 10, min_new_tokens: 0 }, ['num_beams', 'min_length']],
    ['suppressed tokens', { suppress_tokens: [3], bad_words_ids: [], forced_eos_token_id: null }, ['suppress_tokens']],
  ])('of %s', (_, generation, keys) => {
    expect(generationDefaults(generation).map(([key]) => key)).toEqual(keys);
    expect(noteGenerationDefaults(generation)).toHaveLength(keys.length === 0 ? 0 : 1);
  });
});

describe('Where texts end', () => {
  test.each<[string, JsonObject, JsonObject, number[], number]>([
    ['by generation_config.json', { eos_token_id: [128001, 128009] }, { eos_token_id: 128001 }, [128001, 128009], 0],
    ['by config.json where that says nothing', { eos_token_id: null }, { eos_token_id: 2 }, [2], 0],
    ['nowhere', {}, {}, [], 0],
    ['twice the same', { eos_token_id: [3, 3] }, {}, [3], 0],
    ['by -1, which old files write for none', { eos_token_id: -1 }, {}, [], 0],
    ['by a text', { eos_token_id: '</s>' }, { eos_token_id: 2 }, [], 1],
    ['by a list with other things in it', { eos_token_id: [1, '2', 2.5, null, [4]] }, {}, [1], 1],
    ['by an id beyond all', { eos_token_id: [2, 2 ** 32 + 5] }, {}, [2], 1],
    ['by an object', { eos_token_id: { id: 2 } }, {}, [], 1],
  ])('%s', (_, generation, config, ids, notes) => {
    const found = readGenerationTokens(generation, config);
    expect(found.eosTokenIds).toEqual(ids);
    expect(found.notes).toHaveLength(notes);
  });

  test('is written for a model without that file', () => {
    expect(makeGenerationConfig(1, [2])).toEqual({ bos_token_id: 1, eos_token_id: 2 });
    expect(makeGenerationConfig(undefined, [2, 3])).toEqual({ eos_token_id: [2, 3] });
    expect(makeGenerationConfig(undefined, [])).toEqual({});
  });
});

test('Everything else of a folder that transformers reads travels, also where hyperfit cannot read the tokenizer', async () => {
  const path = makeChatModel();
  const others = [
    'tokenizer.model',
    'special_tokens_map.json',
    'added_tokens.json',
    'chat_template.jinja',
    'processor_config.json',
    'LICENSE',
  ];
  for (const name of others) writeFileSync(join(path, name), name.endsWith('.json') ? '{}' : `what stands in ${name}`);
  await rm(join(path, 'tokenizer.json'));
  const model = await Model.load(path);
  await model.save(join(folder, 'saved'));
  model.dispose();
  for (const name of [...others, 'tokenizer_config.json'])
    expect(readFileSync(join(folder, 'saved', name))).toEqual(readFileSync(join(path, name)));
});
