// One process: dataset BLEU of many texts against a synthetic corpus. Settings: corpusTokens, texts, textTokens.
import { DatasetBleu } from 'hyperfit/evaluate';
import { makeCorpus, mulberry32, sequencesOf } from '../lib/corpus.mjs';
import { peakBytes } from '../lib/peak.mjs';
import { between, now } from '../lib/processor-time.mjs';

const { corpusTokens, texts, textTokens } = JSON.parse(process.argv[2]);
const random = mulberry32(7);
const references = sequencesOf(makeCorpus(corpusTokens, random));
const ids = makeCorpus(texts * textTokens, random);
const started = now();
const bleu = new DatasetBleu(references);
const counted = now();
let sum = 0;
for (let text = 0; text < texts; text++) sum += bleu.score(ids.subarray(text * textTokens, (text + 1) * textTokens));
console.log(
  JSON.stringify({ build: between(started, counted), query: between(counted, now()), value: sum / texts, peakBytes: peakBytes() }),
);
