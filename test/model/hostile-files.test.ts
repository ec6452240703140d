import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFiles } from '../../lib/model/model-files.ts';
import { parseSafetensorsHeader, readSafetensorsHeader } from '../../lib/model/safetensors.ts';
import { Tokenizer } from '../../lib/tokenizer/tokenizer.ts';

/** Files that are far larger, deeper or other than what they are named after. */

const MODEL = join(__dirname, '..', 'fixtures', 'models', 'tiny-text');
let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-hostile-'));
  cpSync(MODEL, folder, { recursive: true });
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function prefixed(header: string): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([prefix, Buffer.from(header)]);
}

describe('A safetensors header', () => {
  test('of the whole 100 MB that are allowed, with a string of 9 MB in it, is read', async () => {
    const text = JSON.stringify({
      __metadata__: { format: 'pt', note: `${'n'.repeat(9e6)}"\\` },
      a: { dtype: 'F32', shape: [], data_offsets: [0, 4] },
    });
    const path = join(folder, 'large.safetensors');
    writeFileSync(path, Buffer.concat([prefixed(text.padEnd(1e8, ' ')), Buffer.alloc(4)]));
    const { tensors, metadata } = await readSafetensorsHeader(path);
    expect([tensors.map(({ name }) => name), metadata['note']?.length]).toEqual([['a'], 9e6 + 2]);
  }, 120_000);

  test.each([
    ['a tensor with a name of 9 MB', `{"${'t'.repeat(9e6)}":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}`],
    ['a key of 9 MB', `{"t":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"${'k'.repeat(9e6)}":1}}`],
    ['a dtype of 9 MB', `{"t":{"dtype":"${'d'.repeat(9e6)}","shape":[1],"data_offsets":[0,4]}}`],
    ['a shape of a million sizes', `{"t":{"dtype":"F32","shape":[${Array.from({ length: 1e6 }, () => 1)}],"data_offsets":[0,3]}}`],
    ['more tensors than any model has', `{${Array.from({ length: 200_001 }, (_, at) => `"${at}":{}`).join()}`],
    ['a shape that is nested', `{"t":{"dtype":"F32","shape":${'['.repeat(400)}${']'.repeat(400)},"data_offsets":[0,4]}}`],
    ['metadata that are nested too deep', `{"__metadata__":${'['.repeat(1e6)}${']'.repeat(1e6)}}`],
  ])('with %s is refused in a short message', (_, header) => {
    const file = prefixed(header);
    let message = '';
    try {
      parseSafetensorsHeader(file, file.length, 'model.safetensors');
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SAFETENSORS' });
      message = (error as Error).message;
    }
    expect(message.length).toBeGreaterThan(20);
    expect(message.length).toBeLessThan(500);
  });
});

describe('A model folder is refused', () => {
  const replace = (name: string, make: (path: string) => void) => {
    rmSync(join(folder, name));
    make(join(folder, name));
  };
  const refused = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) });
  const edit = (changes: object) => {
    const path = join(folder, 'config.json');
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...changes }));
  };

  test.each([
    ['config.json', 'ERR_MODEL_FILES'],
    ['model.safetensors', 'ERR_SAFETENSORS'],
    ['generation_config.json', 'ERR_MODEL_FILES'],
  ])('whose %s is a folder, a pipe or a device', async (name, code) => {
    replace(name, (path) => mkdirSync(path));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(code, /it is a folder, not a file/));
    rmSync(join(folder, name), { recursive: true });
    execFileSync('mkfifo', [join(folder, name)]);
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(code, /it is a (pipe|device), not a file/));
    replace(name, (path) => symlinkSync('/dev/zero', path));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused(code, /it is a (pipe|device), not a file/));
  });

  test('whose tokenizer.json is a pipe or a device, once text is asked for', async () => {
    replace('tokenizer.json', (path) => execFileSync('mkfifo', [path]));
    await expect(Tokenizer.fromFiles({ kind: 'folder', folder })).rejects.toMatchObject(
      refused('ERR_TOKENIZER', /it is a (pipe|device), not a file/),
    );
    replace('tokenizer.json', (path) => symlinkSync('/dev/zero', path));
    await expect(Tokenizer.fromFiles({ kind: 'folder', folder })).rejects.toMatchObject(
      refused('ERR_TOKENIZER', /it is a (pipe|device), not a file/),
    );
  });

  test.each([[1e9], [10_001]])('whose config.json asks for %d layers', async (layers) => {
    edit({ num_hidden_layers: layers });
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused('ERR_MODEL_FILES', /at most 10000 layers for `num_hidden_layers`/));
  });

  test('but not for a context that is longer than any, which is cut to tables that fit the weights', async () => {
    edit({ max_position_embeddings: 1e9 });
    const { config, notes } = await openModelFiles(folder);
    expect(config.maxPositionEmbeddings * config.headDim * 4).toBeLessThanOrEqual(2 ** 27);
    expect(notes.join()).toMatch(config.maxPositionEmbeddings < 2 ** 20 ? /contexts were cut to \d+ tokens/ : /^/);
  });

  test('whose config.json asks for more layers than the weights hold', async () => {
    edit({ num_hidden_layers: 9999 });
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused('ERR_MODEL_FILES', /nothing for model\.layers\.\d+.*and \d+ more/));
  });

  test('whose config.json is in UTF-16, with the remedy', async () => {
    writeFileSync(join(folder, 'config.json'), Buffer.from(`\uFEFF${readFileSync(join(MODEL, 'config.json'), 'utf8')}`, 'utf16le'));
    await expect(openModelFiles(folder)).rejects.toMatchObject(refused('ERR_MODEL_FILES', /got UTF-16LE; convert it: iconv/));
  });

  test('but not for a byte order mark', async () => {
    for (const name of ['config.json', 'generation_config.json'])
      writeFileSync(join(folder, name), `\uFEFF${readFileSync(join(MODEL, name), 'utf8')}`);
    expect((await openModelFiles(folder)).config.modelType).toBe('llama');
  });
});
