import type { Command } from 'commander';
import { PRESET_NAMES } from '../../config/presets.ts';
import { openOption, type OpenFlag } from '../live-page.ts';
import { addFieldOptions, addTableOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface TrainOptions extends OutputOptions {
  preset?: string;
  config?: string;
  printConfig?: boolean;
  dryRun?: boolean;
  open?: OpenFlag;
  [field: string]: unknown;
}

export function addTrainCommand(program: Command): void {
  const command = program
    .command('train')
    .description('Hyperfit a model: train until the first of --epochs, --max-steps and --target-loss.')
    .option('--preset <name>', `a recipe that the flags adjust: ${PRESET_NAMES.join(', ')}`)
    .option('--config <file>', 'settings as one JSON object, named like the flags in camelCase')
    .addOption(openOption())
    .option('--dry-run', 'read the data, say what the run would take in memory, and end; nothing is written')
    .option('--print-config', 'print the resolved settings with their sources and end');
  addTableOptions(addFieldOptions(command))
    .addHelpText(
      'after',
      `
Settings come from flags, then HYPERFIT_* variables (HYPERFIT_LEARNING_RATE=1e-5), then --config, then --preset.
With --resume those of the run come before the preset. Ctrl-C finishes the step and saves; twice ends at once.

Example:
  hyperfit train --model TinyLlama --data fiction.jsonl --preset paper --held-out other.txt --out runs/fiction`,
    )
    .action(async (options: TrainOptions) => (await import('../actions/train.ts')).train(options));
}
