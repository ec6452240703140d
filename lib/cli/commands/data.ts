import type { Command } from 'commander';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import type { FieldName, RunConfig } from '../../config/fields.ts';
import { environmentLayer, fileLayer, presetLayer, type ConfigLayer } from '../../config/layers.ts';
import { normalizeConfig } from '../../config/normalize.ts';
import { PRESET_NAMES } from '../../config/presets.ts';
import { HyperfitError } from '../../errors.ts';
import { addFieldOptions, addTableOptions, fieldValues, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

/** What decides which sequences train and which are held out. */
const DATA_FIELDS: readonly FieldName[] = [
  'model', 'data', 'samples', 'sampleSelection', 'sequenceLength', 'windows', 'unwrap', 'appendEos', 'trainOn', 'seed', 'heldOut', 'heldOutSamples', 'contexts', 'contextLength',
  'evaluateEverySteps', 'validationContexts', 'comparisonContexts',
];

interface InspectOptions extends OutputOptions {
  preset?: string;
  config?: string;
  show: number;
  [field: string]: unknown;
}

export function addDataCommand(program: Command): void {
  const data = program.command('data').description('Look at data before time is spent on it.').addHelpText('after', '\nExample:\n  hyperfit data inspect --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt');
  const command = data
    .command('inspect')
    .description('Show what a run would train on: documents, sequences, tokens, what is left out and why, and the first sequences with the learnt tokens marked.')
    .option('--preset <name>', `a recipe that the flags adjust: ${PRESET_NAMES.join(', ')}`)
    .option('--config <file>', 'settings as one JSON object, named like the flags in camelCase')
    .option('--show <N>', 'training sequences to show', wholeNumber(0), 3);
  addTableOptions(addFieldOptions(command, DATA_FIELDS))
    .addHelpText('after', '\nOptions mean what they mean to train. Only the head of the model is read, none of its weights.\n\nExample:\n  hyperfit data inspect --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel.txt --preset demo')
    .action(inspect);
}

async function inspect(options: InspectOptions): Promise<void> {
  const output = new Output(options);
  const config = resolve(options);
  // Here and not above: --help needs none of it.
  const [{ inspectData }, { openHeader }, { inspectionTable, renderInspection }] = await Promise.all([import('../../run/data-inspection.ts'), import('../../study/domain.ts'), import('../inspection-text.ts')]);
  if (config.model === null) throw new HyperfitError('ERR_CONFIG', 'expected the model that is to learn the data for `model`, got none; give --model: its tokenizer decides');
  const header = await openHeader(await resolveModelPath(config.model, (message) => output.warn(message)));
  const inspection = await inspectData(config, header, { examples: options.show });
  for (const message of inspection.warnings) output.warn(message);
  output.result({ schemaVersion: 1, ...inspection }, () => renderInspection(inspection, config), () => inspectionTable(inspection));
}

function resolve(options: InspectOptions): RunConfig {
  const layers: ConfigLayer[] = [{ name: 'flags', values: fieldValues(options, DATA_FIELDS) }, environmentLayer(process.env)];
  if (options.config !== undefined) layers.push(fileLayer(options.config));
  if (options.preset !== undefined) layers.push(presetLayer(options.preset));
  return normalizeConfig(layers).config;
}
