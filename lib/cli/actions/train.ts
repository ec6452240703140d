import { existsSync } from 'node:fs';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { FIELD_NAMES } from '../../config/fields.ts';
import { environmentLayer, fileLayer, presetLayer, type ConfigLayer } from '../../config/layers.ts';
import { normalizeConfig, type NormalizedConfig } from '../../config/normalize.ts';
import { configTable, renderConfig } from '../../config/print.ts';
import { HyperfitError } from '../../errors.ts';
import { runFolder } from '../../run/run-folder.ts';
import { savedRunFile } from '../../run/run-file.ts';
import { planRun } from '../../run/run-plan.ts';
import { openHeader } from '../../study/domain.ts';
import type { TrainOptions } from '../commands/train.ts';
import { fetchNamed } from '../fetch-named.ts';
import { fieldValues } from '../options.ts';
import { Output } from '../output.ts';
import { planCsv, renderPlan } from '../plan-text.ts';
import { comparisonCsv } from '../tables.ts';
import { runAndReport } from '../training-session.ts';
import { renderRunSummary, summarizeRun } from '../run-summary.ts';

export async function train(options: TrainOptions): Promise<void> {
  const output = new Output(options);
  const normalized = resolveConfig(options);
  if (options.printConfig === true) {
    output.result(
      { schemaVersion: 1, ...normalized },
      () => renderConfig(normalized),
      () => configTable(normalized),
    );
    return;
  }
  if (options.dryRun === true) return dryRun(normalized, output);
  const result = await runAndReport(normalized, output, options.open);
  output.result(
    summarizeRun(result),
    () => renderRunSummary(result),
    () => comparisonCsv(result.comparison),
  );
}

async function dryRun({ config }: NormalizedConfig, output: Output): Promise<void> {
  if (config.model === null) throw new HyperfitError('ERR_CONFIG', 'expected the model to hyperfit for `model`, got none; give --model');
  await fetchNamed(config);
  const plan = await planRun(config, await openHeader(await resolveModelPath(config.model, (message) => output.warn(message))));
  for (const message of plan.warnings) output.warn(message);
  output.result(
    { schemaVersion: 1, ...plan },
    () => renderPlan(plan),
    () => planCsv(plan),
  );
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
