import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { HyperfitError } from '../errors.ts';
import { readdir, stat } from '../file-system.ts';
import { readInPieces, readText } from '../regular-file.ts';
import { CARD_FILE } from '../model/model-card.ts';

export const MANIFEST_NAME = 'manifest.json';

export interface ManifestEntry {
  /** Bytes. */
  size: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/** What a complete folder holds; written last, so that its presence says the rest arrived. */
export interface Manifest {
  schemaVersion: 1;
  files: Record<string, ManifestEntry>;
}

/** SHA-256 of a file, read in pieces so that the event loop stays live. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of readInPieces(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Every file in `folder` and in the folders within, sorted, parted by `/`. */
export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const nested = entries.map(async (entry) =>
    entry.isDirectory() ? (await listFiles(join(folder, entry.name))).map((name) => `${entry.name}/${name}`) : [entry.name],
  );
  return (await Promise.all(nested)).flat().sort();
}

/**
 * Sizes and hashes of every file in `folder`; the manifest itself is left out, and so are model cards, which a run writes anew at its end.
 */
export async function makeManifest(folder: string): Promise<Manifest> {
  const files: Record<string, ManifestEntry> = {};
  for (const name of await listFiles(folder)) {
    if (name === MANIFEST_NAME || basename(name) === CARD_FILE) continue;
    const path = join(folder, name);
    files[name] = { size: (await stat(path)).size, sha256: await hashFile(path) };
  }
  return { schemaVersion: 1, files };
}

/**
 * The manifest of a folder.
 * @throws HyperfitError ERR_CHECKPOINT when it is missing or malformed
 */
export async function readManifest(folder: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_NAME);
  const text = await readText(path).catch((cause: unknown) => {
    throw new HyperfitError('ERR_CHECKPOINT', `expected ${path}, got none: the save never ended; use another checkpoint`, { cause });
  });
  const manifest = parseManifest(text);
  if (manifest === undefined)
    throw new HyperfitError('ERR_CHECKPOINT', `expected a manifest of files with sizes and hashes in ${path}; use another checkpoint`);
  return manifest;
}

function parseManifest(text: string): Manifest | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { schemaVersion, files } = (value ?? {}) as Partial<Manifest>;
  if (schemaVersion !== 1 || typeof files !== 'object' || files === null || Object.keys(files).length === 0) return undefined;
  const wellFormed = Object.entries(files).every(
    ([name, entry]) => isPlainName(name) && typeof entry?.size === 'number' && typeof entry?.sha256 === 'string',
  );
  return wellFormed ? { schemaVersion, files } : undefined;
}

/** A manifest names files of its own folder and of those within only. */
function isPlainName(name: string): boolean {
  return name.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !/[\\\0]/.test(part));
}

/**
 * What is wrong with a folder, judged by its manifest; empty when it is complete. `sizesOnly` spares reading the files.
 * Throws as `readManifest` does.
 */
export async function findDamage(folder: string, { sizesOnly = false } = {}): Promise<string[]> {
  const { files } = await readManifest(folder);
  const damage: string[] = [];
  for (const [name, entry] of Object.entries(files)) {
    const problem = await damageOf(join(folder, name), entry, sizesOnly);
    if (problem !== undefined) damage.push(`${name}: ${problem}`);
  }
  return damage;
}

async function damageOf(path: string, expected: ManifestEntry, sizesOnly: boolean): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined) return 'missing';
  if (info.size !== expected.size) return `expected ${expected.size} bytes, got ${info.size}`;
  return sizesOnly || (await hashFile(path)) === expected.sha256 ? undefined : 'its SHA-256 differs from the manifest';
}
