import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadState } from '../lib/checkpoint/train-state.ts';
import { readManifest } from '../lib/checkpoint/manifest.ts';
import { readPrompts } from '../lib/cli/prompts.ts';
import { readAnswers, AnswersFile } from '../lib/compare/answers-file.ts';
import { readVariants } from '../lib/compare/generation-file.ts';
import { readStudyKey } from '../lib/compare/study-files.ts';
import { fileLayer } from '../lib/config/layers.ts';
import { DataNotes } from '../lib/data/data-notes.ts';
import { readDocuments } from '../lib/data/documents.ts';
import { openImages } from '../lib/image/image-set.ts';
import { readBytes, readBytesSync, readInPieces, readText, readTextFile } from '../lib/regular-file.ts';
import { readRunJson } from '../lib/run/run-folder.ts';

let folder: string;
let server: Server;
const at = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'hyperfit-files-'));
  execFileSync('mkfifo', [at('pipe')]);
  mkdirSync(at('folder'));
  server = createServer();
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const OTHERS: [string, () => string][] = [
  ['a pipe', () => at('pipe')],
  ['a folder', () => at('folder')],
  ['a socket', () => at('socket')],
  ['a device', () => '/dev/zero'],
];

describe.each(OTHERS)('%s in the place of a file is refused by name, at once', (kind, pathOf) => {
  const words = new RegExp(`it is ${kind}( or a device)?, not a file`);

  test('whichever way it is read', async () => {
    const path = pathOf();
    await expect(readBytes(path)).rejects.toThrow(words);
    await expect(readText(path)).rejects.toThrow(words);
    expect(() => readBytesSync(path)).toThrow(words);
    await expect(readInPieces(path).next()).rejects.toThrow(words);
    await expect(readTextFile(path, 'ERR_MODEL_FILES')).rejects.toMatchObject({
      code: 'ERR_MODEL_FILES',
      message: expect.stringMatching(words) as string,
    });
  });

  test('by a HyperfitError of every reader', async () => {
    const path = pathOf();
    const reads: [string, () => unknown][] = [
      ['ERR_CONFIG', () => fileLayer(path)],
      ['ERR_DATA', () => readPrompts({ promptFile: path, batchSize: 1 })],
      ['ERR_DATA', () => readAnswers(path, { id: 'x', items: [] })],
      ['ERR_DATA', () => AnswersFile.open(path)],
      ['ERR_DATA', () => readStudyKey(path)],
      ['ERR_CHECKPOINT', () => readRunJson(path)],
      ...(kind === 'a folder'
        ? []
        : ([
            ['ERR_DATA', () => openImages(path)],
            ['ERR_DATA', () => readVariants(`x=${path}`)],
            ['ERR_DATA', () => readDocuments(path, new DataNotes())],
          ] as [string, () => unknown][])),
    ];
    for (const [code, read] of reads) await expect((async () => read())()).rejects.toMatchObject({ code });
  });
});

test('a pipe in a checkpoint is refused', async () => {
  mkdirSync(at('checkpoint'));
  for (const name of ['manifest.json', 'state.json', 'x']) execFileSync('mkfifo', [join(at('checkpoint'), name)]);
  await expect(readManifest(at('checkpoint'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
  await expect(loadState(at('checkpoint'))).rejects.toMatchObject({ code: 'ERR_CHECKPOINT' });
});

test('files are read whole, and no further than told', async () => {
  writeFileSync(at('file'), 'abc');
  expect((await readBytes(at('file'))).toString()).toBe('abc');
  await expect(readBytes(at('file'), 2)).rejects.toThrow('it has 3 bytes, and at most 2 are read');
  const pieces: Buffer[] = [];
  for await (const piece of readInPieces(at('file'))) pieces.push(piece);
  expect(Buffer.concat(pieces).toString()).toBe('abc');
  await expect(readBytes(at('none'))).rejects.toMatchObject({ code: 'ENOENT' });
});
