import type { Command } from 'commander';
import { addCompareBuildCommand } from './compare-build.ts';
import { addCompareJudgeCommand } from './compare-judge.ts';
import { addCompareScoreCommand } from './compare-score.ts';
import { addCompareServeCommand } from './compare-serve.ts';

export function addCompareCommand(program: Command): void {
  const command = program
    .command('compare')
    .description('Which continuation do people prefer? A blind page of pairs, and its score.')
    .addHelpText(
      'after',
      '\nExample:\n  hyperfit compare build runs/novel --variant "hyperfitted, greedy" --against original --items 50 --out study.html\n  hyperfit compare score study.key.json answers-*.jsonl',
    );
  addCompareBuildCommand(command);
  addCompareServeCommand(command);
  addCompareScoreCommand(command);
  addCompareJudgeCommand(command);
}
