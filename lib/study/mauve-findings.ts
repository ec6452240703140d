import { signNumber } from '../evaluate/signature.ts';
import { meanOfRuns, type Measured } from './measured.ts';
import type { Results } from './study.ts';

export const MAUVE_CLUSTERINGS = 10;

/**
 * The mean over trainings and clusterings, with the range over both.
 * @param places of the trainings' texts among those of the cell
 */
export function mauveOf(cell: string, places: readonly number[], results: Results): Measured {
  const { mauves } = results.get(cell, 'mauve');
  const own = places.map((place) => mauves[place]!);
  const { machineTexts, signature } = own[0]!;
  const means = own.map(({ scores }) => ({ cell, value: scores.reduce((sum, score) => sum + score, 0) / scores.length }));
  const all = own.flatMap(({ scores }) => scores);
  const facts = { clusterings: MAUVE_CLUSTERINGS, seeds: own.length, range: 'least-to-largest-of-all' };
  const signed = signNumber(signature.replace(/\|seed:\d+|\|hyperfit:[^|]*/g, ''), facts);
  return {
    ...meanOfRuns(means, 'mauve', {}, [machineTexts, 'texts'])!,
    low: Math.min(...all),
    high: Math.max(...all),
    spread: 'range',
    signature: signed,
  };
}
