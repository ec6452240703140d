import { bleuSignature, corpusBleu, sentenceBleu, type BleuOptions, type BleuSmoothing } from '../../lib/evaluate/bleu.ts';
import { tokenize13a } from '../../lib/evaluate/tokenize-13a.ts';
import fixtures from '../fixtures/metrics.json';

interface Expected {
  smoothMethod: string;
  smoothValue: number | null;
  maxOrder?: number;
  effectiveOrder?: boolean;
  score: number;
  precisions: number[];
  brevityPenalty: number;
  hypothesisLength: number;
  referenceLength: number;
}

function optionsOf({ smoothMethod, smoothValue, maxOrder, effectiveOrder }: Expected): BleuOptions {
  return {
    smoothing: smoothMethod as BleuSmoothing,
    ...(smoothValue === null ? {} : { smoothingValue: smoothValue }),
    ...(maxOrder === undefined ? {} : { maxOrder }),
    ...(effectiveOrder === undefined ? {} : { effectiveOrder }),
  };
}

function expectScore(actual: ReturnType<typeof corpusBleu>, expected: Expected): void {
  expect(actual.score).toBeCloseTo(expected.score, 8);
  expect(actual.precisions).toHaveLength(expected.precisions.length);
  actual.precisions.forEach((precision, index) => expect(precision).toBeCloseTo(expected.precisions[index]!, 8));
  expect(actual.brevityPenalty).toBeCloseTo(expected.brevityPenalty, 10);
  expect([actual.hypothesisLength, actual.referenceLength]).toEqual([expected.hypothesisLength, expected.referenceLength]);
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
const { tokenIds, text } = fixtures;

describe('corpusBleu equals sacrebleu', () => {
  test.each(tokenIds.corpus)('on ids, $signature, order $maxOrder', (expected) => {
    expectScore(corpusBleu(tokenIds.hypotheses, tokenIds.references, optionsOf(expected)), expected);
  });

  test.each(text.corpus)('on text, $signature', (expected) => {
    expectScore(
      corpusBleu(
        text.hypotheses.map(tokenize13a),
        text.references.map((group) => group.map(tokenize13a)),
        optionsOf(expected),
      ),
      expected,
    );
  });
});

describe('sentenceBleu equals sacrebleu', () => {
  test.each(tokenIds.sentences)('on ids, $smoothMethod $smoothValue, effective order $effectiveOrder: $hypothesis', (expected) => {
    expectScore(sentenceBleu(words(expected.hypothesis), expected.references.map(words), optionsOf(expected)), expected);
  });

  test.each(text.sentences)('on text, $smoothMethod $smoothValue, effective order $effectiveOrder: $hypothesis', (expected) => {
    expectScore(sentenceBleu(tokenize13a(expected.hypothesis), expected.references.map(tokenize13a), optionsOf(expected)), expected);
  });
});

describe('BLEU', () => {
  test('is 100 for equal texts, 0 without a common token and for an empty hypothesis', () => {
    expect(sentenceBleu([1, 2, 3, 4, 5], [[1, 2, 3, 4, 5]]).score).toBeCloseTo(100, 10);
    expect(sentenceBleu([1, 2, 3, 4], [[5, 6, 7, 8]]).score).toBe(0);
    expect(sentenceBleu([], [[5, 6]])).toMatchObject({ score: 0, brevityPenalty: 0 });
  });

  test('refuses unpaired lists and hypotheses without a reference', () => {
    const refused = expect.objectContaining({ code: 'ERR_DATA' });
    expect(() => corpusBleu([[1]], [])).toThrow(refused);
    expect(() => sentenceBleu([1], [])).toThrow(refused);
  });

  test('is signed', () => {
    expect(bleuSignature({ references: 2, smoothing: 'floor' })).toBe('bleu|nrefs:2|order:4|eff:no|tok:token-ids|smooth:floor[0.10]');
    expect(bleuSignature({ references: 'train', maxOrder: 3, effectiveOrder: true })).toBe(
      'bleu|nrefs:train|order:3|eff:yes|tok:token-ids|smooth:exp',
    );
  });
});

test.each(text.tokenized)('tokenize13a parts $text', ({ text: line, tokens }) => {
  expect(tokenize13a(line)).toEqual(tokens);
});
