import { Option, type Command } from 'commander';
import { addOutputOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface CompareBuildOptions extends OutputOptions {
  out: string;
  title?: string;
  seed: number;
  items?: number;
  against?: 'original';
  pairs?: 'all' | 'against-first';
  variant?: string[];
  tokenizer?: string;
}

export function addCompareBuildCommand(compare: Command): void {
  const command = compare
    .command('build')
    .description('Make one blind page for annotators, and the key to score it with.')
    .argument(
      '<files...>',
      'FILE or NAME=FILE: .jsonl of {"context", "continuation"}, the output of generate --json, or a run (its comparison.json)',
    )
    .requiredOption('--out <page>', 'where to write the page; the key goes beside it as NAME.key.json')
    .option('--title <text>', 'heading of the page (default: "Which continuation is better?")')
    .option('--seed <N>', 'seed of contexts, order and sides', wholeNumber(0), 0)
    .option('--items <N>', 'contexts to draw, each giving one item per pair (default: all)', wholeNumber(1))
    .addOption(
      new Option('--against <what>', 'compare with what a person wrote after the context, cut to equal length').choices(['original']),
    )
    .addOption(
      new Option('--pairs <which>', 'pairs to compare (default: all, or with --against only those with the original)').choices([
        'all',
        'against-first',
      ]),
    )
    .option('--variant <name...>', 'only these variants of the files, the first of them first (default: all)')
    .option('--tokenizer <model>', 'a model whose tokenizer turns ids into text, where files hold ids only')
    .addHelpText('after', '\nExample:\n  hyperfit compare build greedy.jsonl hyperfitted.jsonl --items 50 --seed 1 --out study.html');
  addOutputOptions(command).action(async (files: string[], options: CompareBuildOptions) =>
    (await import('../actions/compare-build.ts')).build(files, options),
  );
}
