import { renderComparisonLegend, renderComparisonTable } from '../../lib/report/comparison-text.ts';
import { makeVariant } from '../../lib/report/variant.ts';
import { evaluate } from '../../lib/evaluate/evaluation.ts';
import { StandInModel } from '../evaluate/stand-in-model.ts';
import { sampleReport } from './sample-report.ts';

describe('renderComparisonTable', () => {
  test('aligns names left and numbers right', () => {
    expect(`\n${renderComparisonTable(sampleReport().variants)}\n`).toBe(`
                                              TTR(96)  rep-2  Self-BLEU   overlap  over 10  entropy  top-1  held-out  perplexity
original, greedy                        0.223 ± 0.018  0.705      0.081   2.9 / 4    0.0 %     3.56  0.324      4.08        59.1
original, Top-P                         0.418 ± 0.021  0.392      0.062   3.1 / 5    0.0 %     3.56  0.324      4.08        59.1
hyperfitted, greedy                     0.628 ± 0.015  0.114      0.093  4.8 / 15    3.1 %     1.53  0.630      6.39       595.9
hyperfitted, greedy + citation blocker  0.631 ± 0.016  0.109      0.088   4.1 / 6    0.0 %     1.53  0.630      6.39       595.9
`);
  });

  test('says over how many tokens a ratio is, and what the columns are', () => {
    const [first] = sampleReport().variants;
    const short = [{ ...first!, metrics: { ...first!.metrics, ttrWindow: 40 } }];
    expect(renderComparisonTable(short)).toContain('TTR(40)');
    expect(renderComparisonTable(short)).not.toContain('96');
    const legend = renderComparisonLegend(short);
    expect(legend).toContain('TTR(40)     distinct tokens over the last 40 tokens of a text');
    for (const label of ['rep-2', 'over 10', 'top-1']) expect(legend).toMatch(new RegExp(`^  ${label} +\\w`, 'm'));
    expect(legend).not.toContain('exact match');
  });

  test('leaves out metrics that no variant has, and keeps control characters from the terminal', () => {
    expect(renderComparisonTable([{ name: 'a\u001b[2J\nb', isHyperfitted: false, metrics: { rep2: 0.5 } }])).toBe(
      '         rep-2\na [2J b  0.500',
    );
  });
});

test('makeVariant takes an evaluation over', async () => {
  const evaluation = await evaluate(new StandInModel(), {
    heldOut: [Int32Array.of(1, 2, 4)],
    contexts: [Int32Array.of(9), Int32Array.of(10)],
    train: [Int32Array.of(9, 10, 9)],
  });
  expect(makeVariant('x', true, evaluation)).toEqual({
    name: 'x',
    isHyperfitted: true,
    metrics: {
      ttr: 2 / 96,
      ttrWindow: 96,
      ttrStandardError: expect.closeTo(0, 12),
      rep2: evaluation.rep[2],
      selfBleu: evaluation.selfBleu,
      overlapMean: 2,
      overlapMax: 3,
      overlapShareOver10: 0,
      heldOutLoss: 1.5 / 8,
      perplexity: Math.exp(1.5 / 8),
      entropy: 1.5 / 4,
      top1Mass: 1.5 / 128,
      contexts: 2,
    },
  });
});
