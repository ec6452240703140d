import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInflate } from 'node:zlib';
import { SetupError } from '../log.mjs';
import { runIn } from '../run.mjs';
import { checkDigest } from './digest.mjs';

const PACKAGE = 'r-cran-janeaustenr';
const MEMBER = join('usr', 'lib', 'R', 'site-library', 'janeaustenr', 'data', 'Rdata.rdb');
const SHA256 = '8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21';

/** In the order of the file. */
const NOVELS = ['emma', 'mansfield-park', 'northanger-abbey', 'persuasion', 'pride-and-prejudice', 'sense-and-sensibility'];
const HELD_OUT = 'persuasion';

export const AUSTEN = {
  name: 'austen',
  title: "Jane Austen's six novels, one file per chapter; Persuasion held out",
  licence: 'the text is in the public domain, the package janeaustenr that holds it MIT',
  source: `Debian package ${PACKAGE}`,
  size: '1.6 MB',
  remedy: `on Debian or Ubuntu, with a network, run \`apt-get update\` and try again; elsewhere put .txt files into the two folders yourself`,
  read: readAusten,
};

async function readAusten({ temporary }) {
  const rdb = unpackPackage(temporary);
  checkDigest(rdb, SHA256, MEMBER);
  const novels = await readRdb(rdb);
  if (novels.length !== NOVELS.length) throw new SetupError(`expected ${NOVELS.length} novels in ${MEMBER}, got ${novels.length}`);
  const chapters = novels.flatMap((lines, at) =>
    chaptersOf(lines).map((text, chapter) => ({ novel: NOVELS[at], name: `${NOVELS[at]}-${pad(chapter + 1)}`, text })),
  );
  return { train: chapters.filter(({ novel }) => novel !== HELD_OUT), heldOut: chapters.filter(({ novel }) => novel === HELD_OUT) };
}

/** Fetches and unpacks the package without installing it: it would bring R along. */
function unpackPackage(folder) {
  runIn(folder, 'apt-get', ['download', PACKAGE]);
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  if (archive === undefined) throw new SetupError(`expected ${PACKAGE} from apt-get, got no package`);
  runIn(folder, 'dpkg', ['-x', archive, '.']);
  return readFileSync(join(folder, MEMBER));
}

/**
 * The lines of each character vector of an R lazy-load database: chunks one after the other, each a big-endian u32
 * length and a zlib stream of R's XDR serialisation (format version 3).
 */
export async function readRdb(bytes) {
  const vectors = [];
  for (let at = 0; at < bytes.length;) {
    const { data, read } = await inflateFrom(bytes.subarray(at + 4));
    if (data.length !== bytes.readUInt32BE(at))
      throw new SetupError(`expected ${bytes.readUInt32BE(at)} bytes in the chunk at ${at} of ${MEMBER}, got ${data.length}`);
    vectors.push(linesOf(data));
    at += 4 + read;
  }
  return vectors;
}

/** Inflates one stream, and says how many bytes it took: what comes after it is the next chunk. */
function inflateFrom(bytes) {
  return new Promise((resolve, reject) => {
    const inflate = createInflate();
    const parts = [];
    inflate.on('data', (part) => parts.push(part)).on('error', reject);
    inflate.on('end', () => resolve({ data: Buffer.concat(parts), read: inflate.bytesWritten }));
    inflate.end(bytes);
  });
}

/** Two bytes `X\n`, three i32 of versions, an encoding's length and name; then flags, a count, and per string flags, length, bytes. */
function linesOf(data) {
  const STRINGS = 16;
  let at = 14 + 4 + data.readInt32BE(14);
  if (data.readUInt32BE(at) !== STRINGS)
    throw new SetupError(`expected a character vector in ${MEMBER}, got type ${data.readUInt32BE(at)}`);
  const count = data.readInt32BE(at + 4);
  at += 8;
  return Array.from({ length: count }, () => {
    const start = at + 8;
    at = start + data.readInt32BE(at + 4);
    return data.toString('utf8', start, at);
  });
}

const CHAPTER = /^ *chapter +([ivxlc]+|\d+)\.? *$/i;
const AFTER_THE_TEXT = /^ *(finis|the end|a note on the text|volume [ivx]+|\*vide .*) *$/i;

/** The text of each chapter, without titles, headings and what follows the end. */
export function chaptersOf(lines) {
  const starts = lines.flatMap((line, at) => (CHAPTER.test(line) ? [at] : []));
  return starts.map((start, at) => {
    const chapter = lines.slice(start + 1, starts[at + 1] ?? lines.length);
    const end = chapter.findIndex((line) => AFTER_THE_TEXT.test(line));
    return paragraphsOf(end === -1 ? chapter : chapter.slice(0, end)).join('\n\n');
  });
}

/** Paragraphs, their wrapped lines joined; lines of verse, which are set in, stay lines. Marks of italics go. */
function paragraphsOf(lines) {
  const text = lines
    .map((line) => line.trimEnd())
    .join('\n')
    .replace(/\n(?=\S| {1,2}\S)/g, (_, at, whole) => (whole[at - 1] === '\n' || at === 0 ? '\n' : ' '));
  const paragraphs = text.split(/\n{2,}/).map((part) =>
    part
      .split('\n')
      .map((line) => line.trim().replace(/ {2,}/g, ' '))
      .filter(Boolean)
      .join('\n'),
  );
  return paragraphs.filter((part) => /\w/.test(part)).map((part) => part.replace(/_([^_]+)_/g, '$1'));
}

function pad(number) {
  return String(number).padStart(2, '0');
}
