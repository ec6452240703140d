import type { Command } from 'commander';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { given } from '../../config/given.ts';
import { makeDocumentContexts } from '../../data/document-contexts.ts';
import { readDocuments } from '../../data/documents.ts';
import { HyperfitError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { readRunFacts } from '../../run/export-run.ts';
import { patchModel, PATCH_RANKS, type PatchResult } from '../../run/patch.ts';
import { cardOf } from '../../run/run-card.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addOutputOptions, checkedPath, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface PatchCommandOptions extends OutputOptions, Omit<ModelOptions, 'model'> {
  out: string;
  rank?: number;
  base?: string;
  contexts?: string;
  contextLength: number;
  maxNewTokens: number;
  merged: boolean;
}

export function addPatchCommand(program: Command): void {
  const command = program
    .command('patch')
    .argument('<run>', 'a run, a checkpoint or a hyperfitted model', checkedPath)
    .description('Cut what hyperfitting changed to a low rank: an adapter for PEFT and one for llama.cpp, which end the loops of the stock model, and the model with it merged.')
    .requiredOption('--out <dir>', 'a new folder for adapter/, adapter.gguf and merged/', checkedPath)
    .option('--rank <R>', `columns of each addition (default: the smallest of ${PATCH_RANKS.join(', ')} with which text is as varied as the hyperfitted model's)`, wholeNumber(1))
    .option('--base <path>', 'the model that training began from (default: that of the run)', checkedPath)
    .option('--contexts <file>', 'beginnings to continue, .txt or .jsonl with {"text"} or {"ids"} (default: those that the run was compared on)', checkedPath)
    .option('--context-length <N>', 'tokens of a context that is cut from text', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--no-merged', 'write the adapters only');
  addOutputOptions(command)
    .addHelpText('after', '\nEmbedding, head, norms and biases stay those of the base: a LoRA adapter has no place for norms and biases, nor for an embedding that is the head too.\n\nExample:\n  hyperfit patch runs/novel --out novel-patch && hyperfit generate --model SmolLM2.gguf --adapter novel-patch/adapter --prompt "Call me"')
    .action(patch);
}

async function patch(run: string, options: PatchCommandOptions): Promise<void> {
  const output = new Output(options);
  const path = await resolveModelPath(run, (message) => output.warn(message));
  const facts = readRunFacts(path);
  const basePath = options.base ?? facts?.base;
  if (basePath === undefined) throw new HyperfitError('ERR_CONFIG', `expected the model that ${run} was trained from for \`base\`, got none: it is no run, or that model is gone; give --base`);
  const result = await withModel({ model: path }, output, async (hyperfitted) => {
    const contexts = await readContexts(hyperfitted, options, facts?.contexts ?? []);
    return withModel({ model: basePath }, output, async (base) =>
      patchModel(hyperfitted, base, options.out, { contexts, maxNewTokens: options.maxNewTokens, merged: options.merged, onProgress: (message) => output.log(message), ...given({ rank: options.rank, card: await cardOf(path) }) }));
  });
  output.result({ schemaVersion: 1, base: basePath, ...result }, () => renderPatch(result));
}

async function readContexts({ tokenizer }: Model, { contexts, contextLength }: PatchCommandOptions, ofRun: readonly Int32Array[]): Promise<readonly Int32Array[]> {
  if (contexts === undefined) return ofRun;
  return (await makeDocumentContexts(await readDocuments(contexts), tokenizer, { contextLength })).map(({ context }) => context);
}

function renderPatch({ rank, numbers, energyKept, shareInMatrices, matrices, hyperfitted, tried, adapter, gguf, merged }: PatchResult): string {
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const figures = tried.map(({ rank: each, figures: { ttr, rep2, longestQuotation: _ } }) => [`rank ${each}`, ttr, rep2] as const);
  const rows = hyperfitted === null ? [] : [...figures, ['hyperfitted', hyperfitted.ttr, hyperfitted.rep2] as const];
  const layers = new Map<string, number[]>();
  for (const { parameter, energyKept: kept } of matrices) {
    const layer = /\.(\d+)\./.exec(parameter)![1]!;
    layers.set(layer, [...(layers.get(layer) ?? []), kept]);
  }
  const lastFailed = tried.length > 0 && !tried.at(-1)!.passes;
  return [
    `patch of rank ${rank}: ${numbers} numbers (${((4 * numbers) / 1e6).toFixed(2)} MB as float32)`,
    `kept ${percent(energyKept)} of the update of the layers' matrices, which are ${percent(shareInMatrices)} of the whole update; the rest stays as in the base`,
    ...(lastFailed ? ['its text is less varied than that of the hyperfitted model by more than the margin'] : []),
    ...(rows.length === 0 ? [] : ['', `${''.padEnd(12)}     TTR   rep-2`, ...rows.map(([name, ttr, rep2]) => `${name.padEnd(12)}${(ttr?.toFixed(3) ?? '-').padStart(8)}${(rep2?.toFixed(3) ?? '-').padStart(8)}`)]),
    '', 'kept of each layer (mean over its matrices)', [...layers].map(([layer, shares]) => `${layer}: ${percent(shares.reduce((sum, share) => sum + share, 0) / shares.length)}`).join('  '),
    '', `PEFT       ${adapter}`, `llama.cpp  ${gguf ?? 'has no such family'}`, ...(merged === null ? [] : [`merged     ${merged}`]),
  ].join('\n');
}
