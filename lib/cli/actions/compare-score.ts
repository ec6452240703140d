import { readAnswers } from '../../compare/answers-file.ts';
import { renderScore } from '../../compare/score-text.ts';
import { scoreTable } from '../../compare/score-table.ts';
import { scoreStudy } from '../../compare/score.ts';
import { readStudyKey } from '../../compare/study-files.ts';
import type { CompareScoreOptions } from '../commands/compare-score.ts';
import { Output } from '../output.ts';

export async function score(keyFile: string, files: readonly string[], options: CompareScoreOptions): Promise<void> {
  const output = new Output(options);
  const key = await readStudyKey(keyFile);
  const answers = await Promise.all(
    files.map((file) => readAnswers(file, { id: key.study, items: key.items }, (message) => output.warn(message))),
  );
  const result = scoreStudy(key, answers.flat(), { seed: options.seed, resamples: options.resamples });
  output.result(
    result,
    () => renderScore(result),
    () => scoreTable(result),
  );
}
