import { readFileSync, statSync } from 'node:fs';
import { parseGgufHeader } from '../../lib/model/gguf.ts';

/** What is wrong with a GGUF file, in words; nothing for one that is whole. */
export function readGguf(path: string): string[] {
  try {
    const { size } = statSync(path);
    parseGgufHeader(readFileSync(path), size, path);
    return [];
  } catch (error) {
    return [`${path}: ${(error as Error).message}`];
  }
}
