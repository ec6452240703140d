// One process: building the citation blocker's index over a synthetic corpus, and looking contexts up in it.
// Settings: corpusTokens.
import { CitationBlocker } from 'hyperfit';
import { LENGTH, makeCorpus, mulberry32, sequencesOf, VOCABULARY } from '../lib/corpus.mjs';
import { answer, peakBytes, settings } from '../lib/runner.mjs';

const LOOKUPS = 2000;
const random = mulberry32(7);

const ids = makeCorpus(settings.corpusTokens, random);
const sequences = sequencesOf(ids);
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
answer({
  buildMilliseconds,
  hitMicroseconds: hits.microseconds,
  missMicroseconds: misses.microseconds,
  bannedPerHit: hits.banned,
  bannedPerMiss: misses.banned,
  peakBytes: peakBytes(),
});
