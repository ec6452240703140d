import { basename, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { given } from '../../config/given.ts';
import { parseHubName } from '../../hub/hub-name.ts';
import type { ExportProgress } from '../../model/export-gguf.ts';
import { GGUF_FILE_TYPE_NAMES } from '../../model/gguf-mix.ts';
import type { GgufFileType } from '../../model/gguf-mix.ts';
import type { Model } from '../../model/model.ts';
import { exportModel, type ExportResult, type GateMode } from '../../run/export.ts';
import { renderGate } from '../../run/export-gate.ts';
import { readRunFacts } from '../../run/export-run.ts';
import { addGateInputOptions, readGateContexts, readTrainIndex, type GateInputOptions } from '../gate-inputs.ts';
import { interruptible } from '../interruptible.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addModelOptions, addTableOptions, checkedPath } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { gateCsv } from '../tables.ts';

interface ExportCommandOptions extends ModelOptions, OutputOptions, GateInputOptions {
  to: 'gguf';
  out: string;
  type?: GgufFileType | 'auto';
  splitMaxSize?: number;
  overwrite?: boolean;
  name?: string;
  gate: GateMode;
  base?: string;
  modelfile: boolean;
  card: boolean;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

export function addExportCommand(program: Command): void {
  const command = addModelOptions(program.command('export').description('Write a model for other programs: GGUF for llama.cpp, Ollama and LM Studio, with a Modelfile and a model card beside it; checked by decoding from it.'))
    .addOption(new Option('--to <format>', 'what to write').choices(['gguf']).default('gguf'))
    .requiredOption('--out <file>', 'where to write it, a path that ends in .gguf', checkedPath)
    .addOption(new Option('--type <type>', 'type of most weights; auto is the smallest that passes the gate (default: Q8_0, or the type that the model was trained for)').choices([...GGUF_FILE_TYPE_NAMES, 'auto']))
    .option('--split-max-size <size>', 'split into files of at most this many bytes of weights, such as 4G or 500M (default: one file)', byteSize)
    .option('--overwrite', 'replace files that are there')
    .option('--name <name>', 'the name that the file gives its model (default: that of its folder or file)')
    .addOption(new Option('--gate <mode>', 'what to do where the weights as written no longer write as the model does').choices(['warn', 'refuse', 'off']).default('warn'));
  addGateInputOptions(command)
    .option('--base <path>', 'the model that training began from, for what survives of the update (default: that of the run)', checkedPath)
    .option('--no-modelfile', 'write no Modelfile for Ollama')
    .option('--no-card', 'write no model card');
  addTableOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit export --model runs/novel --type auto --out novel.gguf && ollama create novel -f novel.Modelfile && ollama run novel')
    .action(exportCommand);
}

/** `4G`, `500M`, `1000`. */
function byteSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMG]?)B?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(digits) * (UNITS[unit?.toUpperCase() ?? 'none'] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1000) throw new InvalidArgumentError('expected a size of at least 1000 bytes, such as 4G, 500M or 1000000.');
  return bytes;
}

async function exportCommand(options: ExportCommandOptions): Promise<void> {
  const output = new Output(options);
  await interruptible((signal) => withModel(options, output, async (model) => {
    const result = await exportModel(model, options.out, await exportOptions(model, options, output, signal));
    for (const warning of result.warnings) output.warn(warning);
    output.result({ schemaVersion: 1, ...result }, () => renderExport(result), () => gateCsv(result.gate, result.type));
  }));
}

async function exportOptions(model: Model, options: ExportCommandOptions, output: Output, signal: AbortSignal): Promise<NonNullable<Parameters<typeof exportModel>[2]>> {
  const { type, splitMaxSize, overwrite, name, gate, maxNewTokens, modelfile, card } = options;
  const facts = readRunFacts(options.model);
  const contexts = gate === 'off' ? [] : await readGateContexts(options, model, facts);
  if (gate !== 'off' && contexts.length === 0) output.log('gate: no contexts to decode from; give --contexts, text that was not trained on');
  return {
    gate, contexts, maxNewTokens, modelfile, card, signal,
    onProgress: progressLine(output),
    onStage: (stage) => output.log(stage),
    // A run is called by its folder, not by the checkpoint that stands for it.
    name: name ?? basename(resolve(parseHubName(options.model, 'model')?.id ?? options.model)).replace(/\.gguf$/i, ''),
    ...given({ type, splitMaxSize, overwrite, base: options.base ?? facts?.base, overlapIndex: contexts.length === 0 ? undefined : await readTrainIndex(options, model, facts) }),
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
