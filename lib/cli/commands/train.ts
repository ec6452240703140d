import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import { FIELD_NAMES } from '../../config/fields.ts';
import { environmentLayer, fileLayer, presetLayer, type ConfigLayer } from '../../config/layers.ts';
import { normalizeConfig, type NormalizedConfig } from '../../config/normalize.ts';
import { configTable, renderConfig } from '../../config/print.ts';
import { PRESET_NAMES } from '../../config/presets.ts';
import { runFolder } from '../../run/run-folder.ts';
import { savedRunFile } from '../../run/run-file.ts';
import { openOption, type OpenFlag } from '../live-page.ts';
import { addFieldOptions, addTableOptions, fieldValues } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { comparisonCsv } from '../tables.ts';
import { runAndReport } from '../training-session.ts';
import { renderRunSummary, summarizeRun } from '../run-summary.ts';

interface TrainOptions extends OutputOptions {
  preset?: string;
  config?: string;
  printConfig?: boolean;
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
    .action(train);
}

async function train(options: TrainOptions): Promise<void> {
  const output = new Output(options);
  const normalized = resolveConfig(options);
  if (options.printConfig === true) {
    output.result({ schemaVersion: 1, ...normalized }, () => renderConfig(normalized), () => configTable(normalized));
    return;
  }
  const result = await runAndReport(normalized, output, options.open);
  output.result(summarizeRun(result), () => renderRunSummary(result), () => comparisonCsv(result.comparison));
}

/** Flags, environment, file, the run to resume, preset. */
export function resolveConfig(options: TrainOptions): NormalizedConfig {
  const layers: ConfigLayer[] = [{ name: 'flags', values: fieldValues(options, FIELD_NAMES) }, environmentLayer(process.env)];
  if (options.config !== undefined) layers.push(fileLayer(options.config));
  const preset = options.preset === undefined ? [] : [presetLayer(options.preset)];
  const { config } = normalizeConfig([...layers, ...preset]);
  if (config.resume && config.out !== null) layers.push(...resumedLayer(config.out));
  return normalizeConfig([...layers, ...preset]);
}

/** The settings that the run in `out` was begun with, when it was. */
function resumedLayer(out: string): ConfigLayer[] {
  const folder = runFolder(out);
  return existsSync(folder.runFile) ? [{ name: folder.runFile, values: savedRunFile(folder).config }] : [];
}
