import type { Command } from 'commander';
import type { FieldName } from '../../config/fields.ts';
import { PRESETS } from '../../config/presets.ts';
import { openOption, type OpenFlag } from '../live-page.ts';
import { addFieldOptions, addTableOptions } from '../options.ts';
import type { OutputOptions } from '../output.ts';

/** What may be changed about the demo; everything else is the preset. */
export const DEMO_FIELDS: readonly FieldName[] = [
  'model',
  'data',
  'heldOut',
  'unwrap',
  'samples',
  'learningRate',
  'epochs',
  'maxSteps',
  'targetLoss',
  'comparisonContexts',
  'seed',
  'device',
  'computeDtype',
  'threads',
  'tensorboard',
  'out',
];

export interface DemoOptions extends OutputOptions {
  yes?: boolean;
  open?: OpenFlag;
  [field: string]: unknown;
}

export function addDemoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description(
      'Hyperfit SmolLM2-135M on the first chapters of Moby Dick and compare its text with the original model, three to ten minutes on two cores.',
    )
    .addOption(openOption())
    .option('--yes', 'fetch model and text without asking, where they are not there yet');
  addTableOptions(addFieldOptions(command, DEMO_FIELDS, PRESETS.demo))
    .addHelpText(
      'after',
      '\nThe defaults are those of the preset demo; model and text are fetched into the cache of this user (94 MB) where they are not there yet, once you have agreed.\nOn a CPU with bfloat16 instructions, and on a card from compute capability 8.0 on, it computes in bfloat16, which is faster, unless --compute-dtype says otherwise.\n\nExample:\n  hyperfit demo --out runs/demo',
    )
    .action(async (options: DemoOptions) => (await import('../actions/demo.ts')).demo(options));
}
