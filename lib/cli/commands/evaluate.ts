import type { Command } from 'commander';
import { MAUVE_LEAST_TEXTS } from '../../evaluate/mauve-least-texts.ts';
import { MEMORISED_LENGTH } from '../../evaluate/memorisation.ts';
import { addBlockerOptions } from '../blocker-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addFieldOptions, addForeignFlag, addModelOptions, addTableOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface EvaluateOptions extends ModelOptions, OutputOptions {
  heldOut?: string;
  contexts?: string;
  train?: string;
  memorisation?: number | true;
  featureModel?: string;
  mauveClusters?: number;
  mauveSeed?: number;
  sequenceLength: number;
  contextLength: number;
  maxNewTokens: number;
  batchSize: number;
  contextBatchSize: number;
  unwrap?: boolean;
  /** Those of the citation blocker. */
  [field: string]: unknown;
}

export function addEvaluateCommand(program: Command): void {
  const command = addModelOptions(
    program
      .command('evaluate')
      .description('Measure a model: likelihood on held-out text, diversity of its greedy continuations, overlap with training text.'),
  )
    .option(
      '--held-out <file>',
      'text for loss, perplexity, entropy and top-k mass; dialogues are answered too; {"ids"} lines are one sequence each',
    )
    .option(
      '--contexts <file>',
      'beginnings to continue, .jsonl with {"text"}, {"ids"} or {"messages"}, or .txt; text is cut to --context-length',
    )
    .option(
      '--train <file>',
      'training text, for the overlap of the continuations with it; without --contexts the beginnings of --held-out are continued',
    )
    .option(
      '--memorisation [N]',
      `list every run of N or more tokens of a continuation that stands in --train (default: ${MEMORISED_LENGTH})`,
      wholeNumber(1),
    )
    .option(
      '--feature-model <path>',
      `a model that reads texts, for MAUVE of the continuations against how the documents of --contexts go on; ${MAUVE_LEAST_TEXTS} of them or more`,
    )
    .option('--mauve-clusters <K>', 'bins of the histograms of MAUVE (default: a tenth of the texts, from 2 to 500)', wholeNumber(2))
    .option('--mauve-seed <N>', 'seed of the clustering of MAUVE (default: 0)', wholeNumber(0))
    .option('--sequence-length <T>', 'tokens per sequence that text is cut into', wholeNumber(2), 256)
    .option('--context-length <N>', 'tokens of a context', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--batch-size <B>', 'held-out sequences computed together; changes speed and memory, not results', wholeNumber(1), 8)
    .option('--context-batch-size <B>', 'contexts continued together; changes speed and memory, not results', wholeNumber(1), 32);
  addForeignFlag(
    command,
    '--data',
    'evaluate reads text to measure from --held-out, beginnings to continue from --contexts, and what was trained on from --train.',
  );
  addFieldOptions(command, ['unwrap']);
  addBlockerOptions(command);
  addTableOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  hyperfit evaluate --model runs/novel --held-out other.txt --contexts starts.jsonl --train runs/novel/train.jsonl',
    )
    .action(async (options: EvaluateOptions) => (await import('../actions/evaluate.ts')).evaluateCommand(options));
}
