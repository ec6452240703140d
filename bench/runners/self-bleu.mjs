// One process: Self-BLEU of many synthetic texts. Settings: texts, textTokens.
import { selfBleu } from 'hyperfit/evaluate';
import { makeCorpus, mulberry32 } from '../lib/corpus.mjs';
import { peakBytes } from '../lib/peak.mjs';
import { between, now } from '../lib/processor-time.mjs';

const { texts, textTokens } = JSON.parse(process.argv[2]);
const ids = makeCorpus(texts * textTokens, mulberry32(7));
const started = now();
const value = selfBleu(Array.from({ length: texts }, (_, index) => ids.subarray(index * textTokens, (index + 1) * textTokens)));
console.log(JSON.stringify({ selfBleu: between(started, now()), value, peakBytes: peakBytes() }));
