import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import type { RunConfig } from '../../config/fields.ts';
import { environmentLayer, fileLayer, presetLayer, type ConfigLayer } from '../../config/layers.ts';
import { normalizeConfig } from '../../config/normalize.ts';
import { HyperfitError } from '../../errors.ts';
import { inspectData } from '../../run/data-inspection.ts';
import { openHeader } from '../../study/domain.ts';
import { DATA_FIELDS, type InspectOptions } from '../commands/data.ts';
import { inspectionTable, renderInspection } from '../inspection-text.ts';
import { fieldValues } from '../options.ts';
import { Output } from '../output.ts';

export async function inspect(options: InspectOptions): Promise<void> {
  const output = new Output(options);
  const config = resolve(options);
  if (config.model === null)
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected the model that is to learn the data for `model`, got none; give --model: its tokenizer decides',
    );
  const header = await openHeader(await resolveModelPath(config.model, (message) => output.warn(message)));
  const inspection = await inspectData(config, header, { examples: options.show });
  for (const message of inspection.warnings) output.warn(message);
  output.result(
    { schemaVersion: 1, ...inspection },
    () => renderInspection(inspection, config),
    () => inspectionTable(inspection),
  );
}

function resolve(options: InspectOptions): RunConfig {
  const layers: ConfigLayer[] = [{ name: 'flags', values: fieldValues(options, DATA_FIELDS) }, environmentLayer(process.env)];
  if (options.config !== undefined) layers.push(fileLayer(options.config));
  if (options.preset !== undefined) layers.push(presetLayer(options.preset));
  return normalizeConfig(layers).config;
}
