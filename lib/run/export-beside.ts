import { basename } from 'node:path';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import { HyperfitError } from '../errors.ts';
import { stat } from '../file-system.ts';
import { shortModelName } from '../model/base-name.ts';
import type { ExportedGguf } from '../model/export-gguf.ts';
import { readLicense } from '../model/license.ts';
import { markdownTable, renderModelCard, type CardSection, type ModelCard } from '../model/model-card.ts';
import type { Model } from '../model/model.ts';
import { percent, type GateFigures, type GateResult } from './export-gate.ts';
import { renderModelfile } from './modelfile.ts';
import { cardOf } from './run-card.ts';

/** Files that stand beside an exported one, by its name. */
export interface BesidePaths {
  modelfile: string | undefined;
  card: string | undefined;
}

export function besidePaths(path: string, { modelfile = true, card = true }: { modelfile?: boolean; card?: boolean }): BesidePaths {
  const stem = path.replace(/\.gguf$/i, '');
  return { modelfile: modelfile ? `${stem}.Modelfile` : undefined, card: card ? `${stem}.README.md` : undefined };
}

/** @throws HyperfitError ERR_CHECKPOINT for one that is there */
export async function requireFree({ modelfile, card }: BesidePaths): Promise<void> {
  for (const [path, what] of [
    [modelfile, 'Modelfile'],
    [card, 'model card'],
  ] as const) {
    const isThere =
      path !== undefined &&
      (await stat(path).then(
        () => true,
        () => false,
      ));
    if (isThere)
      throw new HyperfitError(
        'ERR_CHECKPOINT',
        `expected no file at ${path}, where the ${what} goes, got one; choose another name, or pass \`overwrite\` to replace it`,
      );
  }
}

/** @returns its path, and what could not be carried over */
export async function writeModelfile(
  model: Model,
  { paths }: ExportedGguf,
  path: string | undefined,
): Promise<{ path: string | null; notes: string[] }> {
  if (path === undefined) return { path: null, notes: [] };
  if (paths.length > 1) return { path: null, notes: ['Ollama reads one file: no Modelfile was written for a model in parts'] };
  const { text, notes } = renderModelfile(model, paths[0]!);
  await replaceFile(path, text);
  return { path, notes };
}

/** The card of the model's run, where there is one, with the type, the sizes and what the gate measured. */
export async function writeCard(
  model: Model,
  exported: ExportedGguf & { gate: GateResult | null },
  path: string | undefined,
): Promise<string | null> {
  if (path === undefined) return null;
  const { type, paths, gate } = exported;
  const known = (await cardOf(model.path)) ?? {};
  const baseName = shortModelName(model.path);
  const card: ModelCard = {
    title: baseName,
    baseName,
    license: await readLicense(model.files),
    ...known,
    library: 'gguf',
    dtype: type,
    tags: [...(known.tags ?? []), 'gguf'],
    file: basename(paths[0]!),
    sections: [...(known.sections ?? []), file(exported), ...(gate === null ? [] : [written(gate, type)])],
  };
  await replaceFile(path, renderModelCard(card));
  return path;
}

function file({ paths, type, bytes, tensorTypes }: ExportedGguf): CardSection {
  const megabytes = (count: number): string => `${(count / 1e6).toFixed(1)} MB`;
  const rows = Object.entries(tensorTypes).map(([name, { tensors, bytes: own }]) => [name, String(tensors), megabytes(own)]);
  const names = paths.map((path) => `\`${basename(path)}\``).join(', ');
  return {
    title: 'The file',
    lines: [`${names}: GGUF, ${type}, ${megabytes(bytes)}.`, '', ...markdownTable(['type', 'tensors', 'size'], rows)],
  };
}

/** The gate's figures: what rounding to the type left. */
function written({ base, model, exported, agreement, update, contexts, maxNewTokens, problems }: GateResult, type: string): CardSection {
  const cell = (value: number | null, digits: number): string => (value === null ? 'none' : value.toFixed(digits));
  const row = (name: string, { ttr, rep2, longestQuotation }: GateFigures): string[] => [
    name,
    cell(ttr, 3),
    cell(rep2, 3),
    cell(longestQuotation, 0),
  ];
  const rows = [...(base === null ? [] : [row('original', base)]), row('hyperfitted, float32', model), row(`this file, ${type}`, exported)];
  const table =
    contexts === 0
      ? []
      : [
          `Greedy continuations of ${contexts} held-out contexts.`,
          '',
          ...markdownTable(['', `TTR(${Math.min(96, maxNewTokens)})`, 'rep-2', 'longest quotation, tokens'], rows),
          '',
        ];
  const shares = [
    ...(agreement === null
      ? []
      : [`Along the text of the float32 model this file finds the same token the most probable in ${percent(agreement)} of places.`]),
    ...(update?.kept === undefined || update.kept === null
      ? []
      : [
          `Of what training changed ${percent(update.kept)} is left after rounding${update.worst === null ? '' : `, least in \`${update.worst.parameter}\` (${percent(update.worst.kept)})`}.`,
        ]),
    ...problems.map((problem) => `**Below the margins:** ${problem}.`),
  ];
  return { title: 'What rounding left', lines: [...table, ...shares] };
}
