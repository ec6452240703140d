import fc from 'fast-check';
import { corpusBleu } from '../../lib/evaluate/bleu.ts';
import { selfBleu, selfBleuScores } from '../../lib/evaluate/self-bleu.ts';
import fixtures from '../fixtures/metrics.json';

describe('selfBleu', () => {
  test.each(fixtures.selfBleu.orders)('equals nltk, order $maxOrder', ({ maxOrder, scores, mean }) => {
    const texts = fixtures.selfBleu.texts.map((text) => text.split(' '));
    selfBleuScores(texts, maxOrder).forEach((score, index) => expect(score).toBeCloseTo(scores[index]!, 10));
    expect(selfBleu(texts, maxOrder)).toBeCloseTo(mean, 10);
  });

  test('equals BLEU against the list of the others', () => {
    const anyText = fc.array(fc.nat(3), { minLength: 4, maxLength: 14 });
    fc.assert(
      fc.property(fc.array(anyText, { minLength: 2, maxLength: 7 }), (texts) => {
        const scores = selfBleuScores(texts);
        texts.forEach((text, index) => {
          const others = texts.filter((_, other) => other !== index);
          const bleu = corpusBleu([text], [others], { smoothing: 'floor', smoothingValue: 0.1 });
          expect(scores[index]).toBeCloseTo(bleu.score / 100, 10);
        });
      }),
    );
  });

  test('is 1 for equal texts and has no value for a single one', () => {
    expect(
      selfBleu([
        [1, 2, 3, 4, 5],
        [1, 2, 3, 4, 5],
      ]),
    ).toBeCloseTo(1, 12);
    expect(selfBleu([[1, 2, 3]])).toBeNull();
    expect(selfBleu([])).toBeNull();
  });
});
