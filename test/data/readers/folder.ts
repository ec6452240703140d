import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataNotes, type DataNote } from '../../../lib/data/data-notes.ts';
import type { Document } from '../../../lib/data/document.ts';
import { readDocuments } from '../../../lib/data/documents.ts';

/** A folder of the test file that goes with it. */
export function makeFolder(): { folder: string; put(name: string, content: string | Uint8Array): string } {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-readers-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  return {
    folder,
    put(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
  };
}

/** The documents without their sources, and what was noted. */
export async function read(path: string): Promise<{ documents: object[]; notes: DataNote[] }> {
  const notes = new DataNotes();
  const documents = await readDocuments(path, notes);
  return { documents: documents.map(withoutSource), notes: notes.notes };
}

export async function readTexts(path: string): Promise<string[]> {
  return (await readDocuments(path)).map((document) => (document as { text: string }).text);
}

function withoutSource({ source: _, ...rest }: Document): object {
  return rest;
}

export const refused = (message: string | RegExp): object =>
  expect.objectContaining({ code: 'ERR_DATA', message: expect.stringMatching(message) });
