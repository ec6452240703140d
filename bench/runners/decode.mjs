// One process, one engine: ours. Arguments: weights, tokens, batch, new tokens, computeDtype, options of generate as JSON.
import { readFileSync } from 'node:fs';
import { CitationBlocker, Model } from 'hyperfit';

const [weights, tokensFile, batch, newTokens, computeDtype, extra = '{}'] = process.argv.slice(2);
const [B, N] = [Number(batch), Number(newTokens)];
const ids = Int32Array.from(JSON.parse(readFileSync(tokensFile, 'utf8')));
const prompts = Array.from({ length: B }, (_, row) => ids.slice(row * 500, row * 500 + 32));
const model = await Model.load(weights, { computeDtype });
const { citationCorpus, ...options } = JSON.parse(extra);
const citationBlocker = citationCorpus && (await CitationBlocker.create({ sequences: corpus(citationCorpus), tokenizer: model.tokenizer, vocabSize: model.config.vocabSize }));

/** The training set's size matters to the blocker, not its words: the book over and over, cut into sequences of 256. */
function corpus(sequences) {
  return Array.from({ length: sequences }, (_, index) => ids.slice((index * 131) % (ids.length - 256), ((index * 131) % (ids.length - 256)) + 256));
}

async function timed(maxNewTokens) {
  const started = performance.now();
  const generations = await model.generate(prompts, { maxNewTokens, minNewTokens: maxNewTokens, ...options, ...(citationBlocker && { citationBlocker }) });
  return { milliseconds: performance.now() - started, ids: generations.map((generation) => [...generation.ids]) };
}

await timed(4);
const prefill = (await timed(1)).milliseconds;
const whole = await timed(N);
console.log(JSON.stringify({ milliseconds: [(whole.milliseconds - prefill) / (N - 1)], prefill: [prefill], ids: whole.ids, peakBytes: process.resourceUsage().maxRSS * 1024 }));
