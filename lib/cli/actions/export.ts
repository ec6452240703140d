import { basename, resolve } from 'node:path';
import { given } from '../../config/given.ts';
import { parseHubName } from '../../hub/hub-name.ts';
import type { ExportProgress } from '../../model/export-gguf.ts';
import type { Model } from '../../model/model.ts';
import { exportModel, type ExportResult } from '../../run/export.ts';
import { renderGate } from '../../run/export-gate.ts';
import { readRunFacts } from '../../run/export-run.ts';
import type { ExportCommandOptions } from '../commands/export.ts';
import { readGateContexts, readTrainIndex } from '../gate-inputs.ts';
import { interruptible } from '../interruptible.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { gateCsv } from '../tables.ts';

export async function exportCommand(options: ExportCommandOptions): Promise<void> {
  const output = new Output(options);
  await interruptible((signal) =>
    withModel(options, output, async (model) => {
      const result = await exportModel(model, options.out, await exportOptions(model, options, output, signal));
      for (const warning of result.warnings) output.warn(warning);
      output.result(
        { schemaVersion: 1, ...result },
        () => renderExport(result),
        () => gateCsv(result.gate, result.type),
      );
    }),
  );
}

async function exportOptions(
  model: Model,
  options: ExportCommandOptions,
  output: Output,
  signal: AbortSignal,
): Promise<NonNullable<Parameters<typeof exportModel>[2]>> {
  const { type, splitMaxSize, overwrite, name, gate, maxNewTokens, modelfile, card } = options;
  const facts = readRunFacts(options.model);
  const contexts = gate === 'off' ? [] : await readGateContexts(options, model, facts);
  if (gate !== 'off' && contexts.length === 0)
    output.log('gate: no contexts to decode from; give --contexts, text that was not trained on');
  return {
    gate,
    contexts,
    maxNewTokens,
    modelfile,
    card,
    signal,
    onProgress: progressLine(output),
    onStage: (stage) => output.log(stage),
    // A run is called by its folder, not by the checkpoint that stands for it.
    name: name ?? basename(resolve(parseHubName(options.model, 'model')?.id ?? options.model)).replace(/\.gguf$/i, ''),
    ...given({
      type,
      splitMaxSize,
      overwrite,
      base: options.base ?? facts?.base,
      overlapIndex: contexts.length === 0 ? undefined : await readTrainIndex(options, model, facts),
    }),
    // Figures of a run are those of its own contexts and lengths.
    ...given({ baseFigures: options.contexts === undefined && maxNewTokens === 96 ? facts?.baseFigures : undefined }),
  };
}

const TENTHS = 10;

/** A line every tenth of the file. */
function progressLine(output: Output): (progress: ExportProgress) => void {
  let shown = 0;
  return ({ bytesDone, bytes }) => {
    const tenth = Math.floor((TENTHS * bytesDone) / bytes);
    if (bytesDone < bytes && tenth === shown) return;
    shown = bytesDone >= bytes ? 0 : tenth;
    output.log(`written ${megabytes(bytesDone)} of ${megabytes(bytes)}`);
  };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function renderExport({ paths, type, bytes, tensorTypes, gate, tried, modelfile, card }: ExportResult): string {
  const types = Object.entries(tensorTypes).map(([name, { tensors, bytes: own }]) => `${name} ${tensors} tensors, ${megabytes(own)}`);
  return [
    ...tried.map(({ type: other, problems }) => `${other} did not pass: ${problems.join('; ')}`),
    ...(gate === null ? [] : [renderGate(gate, type)]),
    `${paths.join(', ')}: ${type}, ${megabytes(bytes)} (${types.join('; ')})`,
    ...[modelfile, card].filter((path) => path !== null),
  ].join('\n');
}
