// One process: building the citation blocker's index over a synthetic corpus, and looking contexts up in it.
// Settings: corpusTokens. Ids come from a seeded generator: Zipf-like frequencies, three sequences in ten with a passage of 32
// tokens copied from an earlier one, so that contexts do occur again with other continuations.
import { CitationBlocker } from 'hyperfit';
import { answer, peakBytes, settings } from '../lib/runner.mjs';

const VOCABULARY = 49152;
const LENGTH = 256;
const PASSAGE = 32;
const LOOKUPS = 2000;
const random = mulberry32(7);

/** A small seeded generator (Mulberry32): uniform in [0, 1). */
function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Rank r with a density near 1/r: the inverse of the logarithm's distribution. */
const zipf = () => Math.min(VOCABULARY - 1, Math.floor(Math.exp(random() * Math.log(VOCABULARY + 1))) - 1);

function makeCorpus(size) {
  const ids = new Int32Array(size);
  for (let start = 0; start < size; start += LENGTH) {
    const end = Math.min(size, start + LENGTH);
    for (let at = start; at < end; at++) ids[at] = zipf();
    if (start > 0 && random() < 0.3 && end - start === LENGTH) {
      const from = Math.floor(random() * (start - PASSAGE));
      ids.copyWithin(start + Math.floor(random() * (LENGTH - PASSAGE)), from, from + PASSAGE);
    }
  }
  return ids;
}

const ids = makeCorpus(settings.corpusTokens);
const sequences = Array.from({ length: Math.ceil(ids.length / LENGTH) }, (_, index) => ids.subarray(index * LENGTH, (index + 1) * LENGTH));
const started = performance.now();
const blocker = await CitationBlocker.create({ sequences, vocabSize: VOCABULARY });
const buildMilliseconds = performance.now() - started;

/** Microseconds of one lookup, each of another context, and how many ids it bans on average. */
function timeLookups(contexts) {
  let banned = 0;
  const from = performance.now();
  for (const context of contexts) banned += blocker.bannedAfter(context).length;
  return { microseconds: ((performance.now() - from) * 1000) / contexts.length, banned: banned / contexts.length };
}

const draw = (make) => Array.from({ length: LOOKUPS }, make);
/** A context out of the corpus, with its continuation in the same sequence. */
function drawHit() {
  const start = Math.floor(random() * Math.floor(ids.length / LENGTH)) * LENGTH + Math.floor(random() * (LENGTH - 6));
  return ids.slice(start, start + 5);
}
/** Five rare ids in a row stand nowhere. */
const drawMiss = () => Int32Array.from({ length: 5 }, () => VOCABULARY - 1 - Math.floor(random() * 1000));

timeLookups(draw(drawHit));
const hits = timeLookups(draw(drawHit));
const misses = timeLookups(draw(drawMiss));
if (!(hits.banned >= 1)) throw new Error(`expected every context of the corpus to ban an id, got ${hits.banned} on average`);
answer({ buildMilliseconds, hitMicroseconds: hits.microseconds, missMicroseconds: misses.microseconds, bannedPerHit: hits.banned, bannedPerMiss: misses.banned, peakBytes: peakBytes() });
