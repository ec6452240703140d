import type { Command } from 'commander';
import { readAnswers } from '../../compare/answers-file.ts';
import { renderScore } from '../../compare/score-text.ts';
import { scoreTable } from '../../compare/score-table.ts';
import { scoreStudy } from '../../compare/score.ts';
import { readStudyKey } from '../../compare/study-files.ts';
import { addTableOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface CompareScoreOptions extends OutputOptions {
  seed: number;
  resamples: number;
}

export function addCompareScoreCommand(compare: Command): void {
  const command = compare
    .command('score')
    .description('Win, tie and loss of each pair with intervals, agreement, strengths; people and judges apart.')
    .argument('<key>', 'the .key.json that compare build wrote')
    .argument('<answers...>', 'JSONL files of answers; of several by one annotator to an item the latest counts')
    .option('--seed <N>', 'seed of the bootstrap', wholeNumber(0), 0)
    .option('--resamples <N>', 'bootstrap resamples', wholeNumber(1), 2000)
    .addHelpText('after', '\nExample:\n  hyperfit compare score study.key.json answers-*.jsonl --json');
  addTableOptions(command).action(score);
}

async function score(keyFile: string, files: readonly string[], options: CompareScoreOptions): Promise<void> {
  const output = new Output(options);
  const key = await readStudyKey(keyFile);
  const answers = await Promise.all(files.map((file) => readAnswers(file, { id: key.study, items: key.items }, (message) => output.warn(message))));
  const result = scoreStudy(key, answers.flat(), { seed: options.seed, resamples: options.resamples });
  output.result(result, () => renderScore(result), () => scoreTable(result));
}
