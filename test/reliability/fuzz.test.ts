import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isHyperfitError } from '../../lib/errors.ts';
import { idxPictures } from '../../lib/image/pixels.ts';
import { readPng, writePng } from '../../lib/image/png.ts';
import { readConfigJson } from '../../lib/model/config.ts';
import { MoreBytesNeeded } from '../../lib/model/gguf-cursor.ts';
import { renderGgufHeader } from '../../lib/model/gguf-header.ts';
import { parseGgufHeader } from '../../lib/model/gguf.ts';
import { parseJsonObject } from '../../lib/model/json.ts';
import { parseSafetensorsHeader, renderSafetensorsHeader } from '../../lib/model/safetensors.ts';
import { parseShardIndex } from '../../lib/model/shards.ts';
import { checkTokenizer } from '../../lib/tokenizer/tokenizer-limits.ts';
import { Dice, mutate } from './mutations.ts';

/**
 * Changed files through the readers of TypeScript: none may crash, throw anything but a HyperfitError, or take a second.
 * `npm run reliability:fuzz -- --inputs N --reader NAME --seed S` runs the long form.
 */

const MODEL = join(__dirname, '..', 'fixtures', 'models', 'tiny-text');
const file = (name: string): Buffer => readFileSync(join(MODEL, name));
const INPUTS = Number(process.env['FUZZ_INPUTS'] ?? 300);
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);
const MOST_CPU_MS = 1000;

const tensors = [{ name: 'a', shape: [2, 3] }, { name: 'b.weight', shape: [4] }];
const safetensors = Buffer.concat([renderSafetensorsHeader(tensors, { note: 'x' }), Buffer.alloc(40)]);
const gguf = renderGgufHeader([{ key: 'general.architecture', type: 'string', value: 'llama' }, { key: 'k', type: 'strings', value: ['a', 'b'] }, { key: 'n', type: 'uint32', value: 3 }], tensors.map((each) => ({ ...each, type: 'F32', byteLength: 4 * each.shape.reduce((a, b) => a * b) })));
const idx = Buffer.concat([Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2]), Buffer.alloc(8, 7)]);
const json = (bytes: Buffer) => parseJsonObject(bytes.toString('utf8'), 'x.json', 'ERR_MODEL_FILES');

const READERS: Readonly<Record<string, { corpus: Buffer[]; read: (bytes: Buffer) => unknown }>> = {
  safetensors: { corpus: [safetensors], read: (bytes) => parseSafetensorsHeader(bytes, bytes.length, 'x') },
  gguf: { corpus: [Buffer.concat([gguf.header, Buffer.alloc(gguf.fileBytes - gguf.header.length)])], read: (bytes) => parseGgufHeader(bytes, bytes.length, 'x') },
  config: { corpus: [file('config.json')], read: (bytes) => readConfigJson(json(bytes), 'config.json') },
  index: { corpus: [Buffer.from('{"metadata":{},"weight_map":{"a":"model-00001-of-00002.safetensors","b":"model-00002-of-00002.safetensors"}}')], read: (bytes) => parseShardIndex(bytes.toString('utf8'), 'x') },
  tokenizer: { corpus: [Buffer.from('{"normalizer":{"type":"Sequence","normalizers":[{"type":"Replace","pattern":{"Regex":" {2,}"},"content":"x"},{"type":"Prepend","prepend":"x"}]},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"(?:[a-z]|\\\\s){1,3}(?=b|[^c]+)|\\\\p{L}+"}},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}}],"pair":[],"special_tokens":{}},"model":{"vocab":{"a":1},"merges":["a b"],"continuing_subword_prefix":"b"}}')], read: (bytes) => checkTokenizer(json(bytes), 'x') },
  png: { corpus: [Buffer.from(writePng({ width: 3, height: 2, rgb: Uint8Array.from({ length: 18 }, (_, at) => at) }))], read: (bytes) => readPng(bytes, 'x') },
  idx: { corpus: [idx], read: (bytes) => idxPictures(bytes, 'x').at(0) },
};

const chosen = process.env['FUZZ_READER'];
test.each(Object.entries(READERS).filter(([name]) => chosen === undefined || name === chosen))('changed files for the reader of %s', (name, { corpus, read }) => {
  const dice = new Dice(SEED);
  const counts = { read: 0, refused: 0 };
  const found: string[] = [];
  for (let input = 0; input < INPUTS; input += 1) {
    const bytes = mutate(corpus, dice);
    const start = process.cpuUsage();
    try {
      read(bytes);
      counts.read += 1;
    } catch (error) {
      if (isHyperfitError(error) || error instanceof MoreBytesNeeded) counts.refused += 1;
      else found.push(`input ${input}: ${String((error as Error).stack).slice(0, 400)} by ${bytes.toString('base64').slice(0, 2000)}`);
    }
    const { user, system } = process.cpuUsage(start);
    if ((user + system) / 1000 > MOST_CPU_MS) found.push(`input ${input}: ${(user + system) / 1000} ms by ${bytes.toString('base64').slice(0, 2000)}`);
  }
  if (chosen !== undefined || INPUTS > 300) console.log(`${name}, seed ${SEED}: ${INPUTS} inputs, ${counts.read} read, ${counts.refused} refused, ${found.length} faults`);
  expect(found).toEqual([]);
  expect(counts.refused).toBeGreaterThan(0);
}, 24 * 3600 * 1000);
