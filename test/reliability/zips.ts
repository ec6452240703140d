import { zipSync, type Zippable } from 'fflate';
import type { Dice } from './mutations.ts';
import { changeMarkup, changeNumbers, pick, type Maker } from './structured.ts';

const STAND_IN = '~~proto~~';
const NAMES = [
  '../../escaped',
  '/absolute',
  STAND_IN,
  'constructor',
  'a\\b',
  '',
  'x'.repeat(300),
  'META-INF/sinf.xml',
  'META-INF/encryption.xml',
  'word/numbering.xml',
];

/**
 * Texts of an archive by name, changed as markup, renamed or left out, and packed; then sizes, offsets and counts of the archive changed.
 */
export function changedZip(files: Readonly<Record<string, string>>): Maker {
  return (dice) => {
    const changed = new Map(Object.entries(files));
    for (let count = 1 + dice.below(2); count > 0; count -= 1) changeEntry(changed, dice);
    const packed: Zippable = Object.fromEntries([...changed].map(([name, text]) => [name, Buffer.from(text)]));
    // The packer takes no such name.
    const archive = Buffer.from(
      Buffer.from(zipSync(packed, { level: dice.below(3) === 0 ? 0 : 6 }))
        .toString('latin1')
        .replaceAll(STAND_IN, '__proto__'),
      'latin1',
    );
    return dice.below(3) === 0 ? changeDirectory(archive, dice) : archive;
  };
}

function changeEntry(files: Map<string, string>, dice: Dice): void {
  const name = pick([...files.keys()], dice);
  const text = files.get(name) ?? '';
  if (dice.below(8) > 0) return void files.set(name, changeMarkup(text, dice));
  if (dice.below(2) === 0 && files.size > 1) files.delete(name);
  files.set(pick([...NAMES, ...files.keys()], dice), text);
}

/** The numbers of a local header, of the directory at the end, or of what ends it. */
function changeDirectory(archive: Buffer, dice: Dice): Buffer {
  const mark = pick(
    [
      [0x50, 0x4b, 3, 4],
      [0x50, 0x4b, 1, 2],
      [0x50, 0x4b, 1, 2],
      [0x50, 0x4b, 5, 6],
    ],
    dice,
  );
  const places: number[] = [];
  for (let at = archive.indexOf(Buffer.from(mark)); at !== -1; at = archive.indexOf(Buffer.from(mark), at + 1)) places.push(at);
  const at = places.length === 0 ? 0 : pick(places, dice);
  const header = changeNumbers(archive.subarray(at, at + 46), dice);
  return Buffer.concat([archive.subarray(0, at), header, archive.subarray(at + 46)]);
}
