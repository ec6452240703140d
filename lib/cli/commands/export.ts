import { type Command, InvalidArgumentError, Option } from 'commander';
import { GGUF_FILE_TYPE_NAMES } from '../../model/gguf-mix.ts';
import type { GgufFileType } from '../../model/gguf-mix.ts';
import type { GateMode } from '../../run/export.ts';
import { addGateInputOptions, type GateInputOptions } from '../gate-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addModelOptions, addTableOptions, checkedPath } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface ExportCommandOptions extends ModelOptions, OutputOptions, GateInputOptions {
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
  const command = addModelOptions(
    program
      .command('export')
      .description(
        'Write a model for other programs: GGUF for llama.cpp, Ollama and LM Studio, with a Modelfile and a model card beside it; checked by decoding from it.',
      ),
  )
    .addOption(new Option('--to <format>', 'what to write').choices(['gguf']).default('gguf'))
    .requiredOption('--out <file>', 'where to write it, a path that ends in .gguf', checkedPath)
    .addOption(
      new Option(
        '--type <type>',
        'type of most weights; auto is the smallest that passes the gate (default: Q8_0, or the type that the model was trained for)',
      ).choices([...GGUF_FILE_TYPE_NAMES, 'auto']),
    )
    .option(
      '--split-max-size <size>',
      'split into files of at most this many bytes of weights, such as 4G or 500M (default: one file)',
      byteSize,
    )
    .option('--overwrite', 'replace files that are there')
    .option('--name <name>', 'the name that the file gives its model (default: that of its folder or file)')
    .addOption(
      new Option('--gate <mode>', 'what to do where the weights as written no longer write as the model does')
        .choices(['warn', 'refuse', 'off'])
        .default('warn'),
    );
  addGateInputOptions(command)
    .option('--base <path>', 'the model that training began from, for what survives of the update (default: that of the run)', checkedPath)
    .option('--no-modelfile', 'write no Modelfile for Ollama')
    .option('--no-card', 'write no model card');
  addTableOptions(command)
    .addHelpText(
      'after',
      '\nExample:\n  hyperfit export --model runs/novel --type auto --out novel.gguf && ollama create novel -f novel.Modelfile && ollama run novel',
    )
    .action(async (options: ExportCommandOptions) => (await import('../actions/export.ts')).exportCommand(options));
}

/** `4G`, `500M`, `1000`. */
function byteSize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([KMG]?)B?$/i.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(digits) * (UNITS[unit?.toUpperCase() ?? 'none'] ?? Number.NaN));
  if (!Number.isSafeInteger(bytes) || bytes < 1000)
    throw new InvalidArgumentError('expected a size of at least 1000 bytes, such as 4G, 500M or 1000000.');
  return bytes;
}
