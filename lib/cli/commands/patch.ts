import type { Command } from 'commander';
import { PATCH_RANKS } from '../../run/patch-ranks.ts';
import { addGateInputOptions, type GateInputOptions } from '../gate-options.ts';
import type { ModelOptions } from '../load-model.ts';
import { addComputingOptions, addTableOptions, checkedPath, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

export interface PatchCommandOptions extends OutputOptions, GateInputOptions, Omit<ModelOptions, 'model' | 'adapter'> {
  out: string;
  rank?: number;
  base?: string;
  merged: boolean;
  withEmbedding?: boolean;
}

export function addPatchCommand(program: Command): void {
  const command = program
    .command('patch')
    .argument('<run>', 'a run, a checkpoint or a hyperfitted model', checkedPath)
    .description(
      'Cut what hyperfitting changed to a low rank: an adapter for PEFT and one for llama.cpp, which end the loops of the stock model, and the model with it merged.',
    )
    .requiredOption('--out <dir>', 'a new folder for adapter/, adapter.gguf and merged/', checkedPath)
    .option(
      '--rank <R>',
      `columns of each addition (default: the smallest of ${PATCH_RANKS.join(', ')} with which text is as varied as the hyperfitted model's)`,
      wholeNumber(1),
    )
    .option('--base <path>', 'the model that training began from (default: that of the run)', checkedPath)
    .option(
      '--with-embedding',
      'cut the embedding too, and a head of its own (not of a GPT-2 whose head is its embedding; llama.cpp has no place for an embedding that is the head)',
    )
    .option('--no-merged', 'write the adapters only');
  addTableOptions(addComputingOptions(addGateInputOptions(command)))
    .addHelpText(
      'after',
      '\nNorms and biases stay those of the base, for which a LoRA adapter has no place; so do embedding and head without --with-embedding.\n\nExample:\n  hyperfit patch runs/novel --out novel-patch && hyperfit generate --model HuggingFaceTB/SmolLM2-135M-Instruct --adapter novel-patch/adapter --prompt "Call me"',
    )
    .action(async (run: string, options: PatchCommandOptions) => (await import('../actions/patch.ts')).patch(run, options));
}
