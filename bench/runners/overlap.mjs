// One process: the longest span that each of many texts shares with a synthetic corpus.
// Settings: corpusTokens, texts, textTokens. Three texts in ten hold a span of 8 to 39 tokens copied from the corpus.
import { OverlapIndex } from 'hyperfit/evaluate';
import { LENGTH, makeCorpus, mulberry32, sequencesOf, zipf } from '../lib/corpus.mjs';
import { peakBytes } from '../lib/peak.mjs';
import { between, now } from '../lib/processor-time.mjs';

const { corpusTokens, texts, textTokens } = JSON.parse(process.argv[2]);
const random = mulberry32(7);
const corpus = makeCorpus(corpusTokens, random);

/** A text, and how long the span is that was copied into it. */
function makeText() {
  const ids = Int32Array.from({ length: textTokens }, () => zipf(random));
  const copied = random() < 0.3 ? Math.min(textTokens, 8 + Math.floor(random() * 32)) : 0;
  if (copied === 0) return { ids, copied };
  const from = Math.floor(random() * Math.floor(corpus.length / LENGTH)) * LENGTH + Math.floor(random() * (LENGTH - copied));
  ids.set(corpus.subarray(from, from + copied), Math.floor(random() * (textTokens - copied)));
  return { ids, copied };
}

const made = Array.from({ length: texts }, makeText);
const started = now();
const index = new OverlapIndex(sequencesOf(corpus));
const built = now();
const { mean, max, shareOver10, overlaps } = index.summarize(made.map(({ ids }) => ids));
const ended = now();
const missed = overlaps.filter(({ length }, at) => length < made[at].copied).length;
if (missed > 0) throw new Error(`expected to find every copied span, missed those of ${missed} texts`);
console.log(
  JSON.stringify({ build: between(started, built), query: between(built, ended), mean, max, shareOver10, peakBytes: peakBytes() }),
);
