import type { Command } from 'commander';
import type { FieldName } from '../../config/fields.ts';
import { PRESET_NAMES } from '../../config/presets.ts';
import { addFieldOptions, addTableOptions, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

/** What decides which sequences train and which are held out. */
export const DATA_FIELDS: readonly FieldName[] = [
  'model',
  'data',
  'samples',
  'sampleSelection',
  'sequenceLength',
  'windows',
  'unwrap',
  'appendEos',
  'trainOn',
  'seed',
  'heldOut',
  'heldOutSamples',
  'contexts',
  'contextLength',
  'evaluateEverySteps',
  'validationContexts',
  'comparisonContexts',
];

export interface InspectOptions extends OutputOptions {
  preset?: string;
  config?: string;
  show: number;
  [field: string]: unknown;
}

export function addDataCommand(program: Command): void {
  const data = program
    .command('data')
    .description('Look at data before time is spent on it.')
    .addHelpText('after', '\nExample:\n  hyperfit data inspect --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt');
  const command = data
    .command('inspect')
    .description(
      'Show what a run would train on: documents, sequences, tokens, what is left out and why, and the first sequences with the learnt tokens marked.',
    )
    .option('--preset <name>', `a recipe that the flags adjust: ${PRESET_NAMES.join(', ')}`)
    .option('--config <file>', 'settings as one JSON object, named like the flags in camelCase')
    .option('--show <N>', 'training sequences to show', wholeNumber(0), 3);
  addTableOptions(addFieldOptions(command, DATA_FIELDS))
    .addHelpText(
      'after',
      '\nOptions mean what they mean to train. Only the head of the model is read, none of its weights.\n\nExample:\n  hyperfit data inspect --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt --preset demo',
    )
    .action(async (options: InspectOptions) => (await import('../actions/data-inspect.ts')).inspect(options));
}
