import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { given } from '../../config/given.ts';
import { HyperfitError } from '../../errors.ts';
import { readRunFacts } from '../../run/export-run.ts';
import { patchModel, type PatchResult } from '../../run/patch.ts';
import { cardOf } from '../../run/run-card.ts';
import type { PatchCommandOptions } from '../commands/patch.ts';
import { readGateContexts, readTrainIndex } from '../gate-inputs.ts';
import { interruptible } from '../interruptible.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { patchCsv } from '../tables.ts';

export async function patch(run: string, options: PatchCommandOptions): Promise<void> {
  const output = new Output(options);
  const path = await resolveModelPath(run, (message) => output.warn(message));
  const facts = readRunFacts(path);
  const basePath = options.base ?? facts?.base;
  if (basePath === undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected the model that ${run} was trained from for \`base\`, got none: it is no run, or that model is gone; give --base`,
    );
  const { out, rank, maxNewTokens, merged, withEmbedding, device, computeDtype } = options;
  const computing = given({ device, computeDtype });
  await interruptible((signal) =>
    withModel({ model: path, ...computing }, output, async (hyperfitted) => {
      const contexts = await readGateContexts(options, hyperfitted, facts);
      const overlapIndex = contexts.length === 0 ? undefined : await readTrainIndex(options, hyperfitted, facts);
      const result = await withModel({ model: basePath, ...computing }, output, async (base) =>
        patchModel(hyperfitted, base, out, {
          contexts,
          maxNewTokens,
          merged,
          signal,
          onProgress: (message) => output.log(message),
          ...given({ rank, withEmbedding, overlapIndex, card: await cardOf(path) }),
        }),
      );
      for (const note of result.notes) output.warn(note);
      output.result(
        { schemaVersion: 1, base: basePath, ...result },
        () => renderPatch(result, maxNewTokens),
        () => patchCsv(result),
      );
    }),
  );
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function renderPatch(result: PatchResult, maxNewTokens: number): string {
  const { rank, numbers, energyKept, shareInMatrices, matrices, tried, adapter, gguf, merged } = result;
  const hasTables = matrices.some(({ parameter }) => layerName(parameter) === OUTSIDE);
  const isBelow = tried.length > 0 && !tried.at(-1)!.passes;
  return [
    `patch of rank ${rank}: ${numbers} numbers (${((4 * numbers) / 1e6).toFixed(2)} MB as float32)`,
    `kept ${percent(energyKept)} of the update of the layers' matrices${hasTables ? ', embedding and head' : ''}, which are ${percent(shareInMatrices)} of the whole update; the rest stays as in the base`,
    ...(isBelow ? ['its text is less varied than that of the hyperfitted model by more than the margin'] : []),
    ...textRows(result, maxNewTokens),
    '',
    'kept of each layer (of the squares of its update)',
    keptByLayer(matrices),
    '',
    `PEFT       ${adapter}`,
    `llama.cpp  ${gguf ?? 'has no such family'}`,
    ...(merged === null ? [] : [`merged     ${merged}`]),
  ].join('\n');
}

function textRows({ original, hyperfitted, tried }: PatchResult, maxNewTokens: number): string[] {
  if (hyperfitted === null) return [];
  const rows = [
    ...(original === null ? [] : [['original', original] as const]),
    ...tried.map(({ rank, figures }) => [`rank ${rank}`, figures] as const),
    ['hyperfitted', hyperfitted] as const,
  ];
  const number = (value: number | null, digits: number, width: number): string =>
    (value === null ? '-' : value.toFixed(digits)).padStart(width);
  return [
    '',
    `${''.padEnd(12)}${`TTR(${Math.min(96, maxNewTokens)})`.padStart(9)}${'rep-2'.padStart(8)}${'longest'.padStart(9)}`,
    ...rows.map(
      ([name, { ttr, rep2, longestQuotation }]) =>
        `${name.padEnd(12)}${number(ttr, 3, 9)}${number(rep2, 3, 8)}${number(longestQuotation, 0, 9)}`,
    ),
  ];
}

const OUTSIDE = 'embedding and head';

function layerName(parameter: string): string {
  return /\.(\d+)\./.exec(parameter)?.[1] ?? OUTSIDE;
}

/** Of the squares, not of the matrices alike: a matrix that moved little counts little. */
function keptByLayer(matrices: PatchResult['matrices']): string {
  const layers = new Map<string, { kept: number; all: number }>();
  for (const { parameter, energy, energyKept } of matrices) {
    const { kept, all } = layers.get(layerName(parameter)) ?? { kept: 0, all: 0 };
    layers.set(layerName(parameter), { kept: kept + energy * energyKept, all: all + energy });
  }
  return [...layers].map(([layer, { kept, all }]) => `${layer}: ${percent(all === 0 ? 1 : kept / all)}`).join('  ');
}
