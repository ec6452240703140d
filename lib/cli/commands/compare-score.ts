import type { Command } from 'commander';
import { addTableOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface CompareScoreOptions extends OutputOptions {
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
  addTableOptions(command).action(async (key: string, answers: string[], options: CompareScoreOptions) =>
    (await import('../actions/compare-score.ts')).score(key, answers, options),
  );
}
