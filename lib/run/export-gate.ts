import { given } from '../config/given.ts';
import { batches, IGNORE_INDEX } from '../data/batch.ts';
import { evaluate } from '../evaluate/evaluation.ts';
import type { OverlapIndex } from '../evaluate/overlap.ts';
import type { Model } from '../model/model.ts';
import type { UpdateShare } from './update-share.ts';

/** What greedy text of some weights is like. */
export interface GateFigures {
  /** Type-token ratio: distinct tokens over tokens of a continuation. */
  ttr: number | null;
  /** Share of bigrams that came before. */
  rep2: number | null;
  /** The longest run of tokens that stands in the training text; null without one. */
  longestQuotation: number | null;
}

/** What the gate measured, before an exported file gets its name. */
export interface GateResult {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** How many contexts were continued. */
  contexts: number;
  /** Tokens of a continuation. */
  maxNewTokens: number;
  /** What the model's own passes ran on, and so what `model` says: float32, or the type that it was trained for. */
  passes: string;
  /** The weights as they were trained, and as they were written. */
  model: GateFigures;
  /** Of what was written. */
  exported: GateFigures;
  /** Of the original model, where it is known. */
  base: GateFigures | null;
  /** Along the model's own text: how often the most probable token is the same; null where nothing was decoded. */
  agreement: number | null;
  /** How much of the update survives rounding; null without the base. */
  update: UpdateShare | null;
  /** What falls below the margins; empty when it passes. */
  problems: string[];
}

/**
 * Measured on SmolLM2-135M (Q4_1), 80 steps, 32 contexts; the table is in docs/export.md. Q8_0, Q6_K and Q4_K_M write about as varied a
 * text as the model (TTR .91 to 1.01 times, rep-2 at most .06 higher) and agree with it in .68 to .93 of places. Q4_0 is below (TTR .78
 * times, rep-2 .2 higher, agreement .47). Q5_K_M, whose points lie between those of the base's grid, writes a text that is varied and no
 * longer the model's: agreement .40. Over 32 contexts the standard error of a TTR is .02, so that a twentieth less is no finding.
 */
export const GATE_MARGINS = { ttr: 0.9, rep2: 0.1, agreement: 0.5, updateKept: 0.5 } as const;

export interface GateOptions {
  contexts: readonly Int32Array[];
  maxNewTokens: number;
  overlapIndex?: OverlapIndex | undefined;
  update?: UpdateShare | undefined;
  base?: GateFigures | undefined;
  signal?: AbortSignal | undefined;
}

/** Greedy text of a model, measured; its own ids are kept for the comparison of first choices. */
export interface GateText {
  figures: GateFigures;
  /** Contexts with their continuations. */
  rows: { ids: Int32Array; contextLength: number }[];
}

export async function measureText(model: Model, { contexts, maxNewTokens, overlapIndex, signal }: GateOptions): Promise<GateText> {
  const { ttr, rep, overlap, generations } = await evaluate(model, { contexts, maxNewTokens, ...given({ train: overlapIndex, signal }) });
  const rows = generations.map(({ promptIds, ids }) => ({ ids: Int32Array.from([...promptIds, ...ids]), contextLength: promptIds.length }));
  return { figures: { ttr, rep2: rep[2], longestQuotation: overlap?.max ?? null }, rows };
}

/** Measures what was written against the model that it was written of; `text` is the latter's, measured once. */
export async function measureGate(model: Model, exported: Model, text: GateText, options: GateOptions): Promise<GateResult> {
  const { contexts, maxNewTokens, update = null, base = null } = options;
  const { figures } = await measureText(exported, options);
  const agreement = await measureAgreement(model, exported, text, options.signal);
  const result = {
    schemaVersion: 1 as const,
    contexts: contexts.length,
    maxNewTokens,
    passes: model.quantization ?? 'float32',
    model: text.figures,
    exported: figures,
    base,
    agreement,
    update,
  };
  return { ...result, problems: findProblems(result) };
}

const BATCH_SIZE = 8;

/** Share of the positions of the continuations at which both find the same token the most probable. */
async function measureAgreement(model: Model, exported: Model, { rows }: GateText, signal: AbortSignal | undefined): Promise<number> {
  let [same, all] = [0, 0];
  const targeted = rows.map(({ ids, contextLength }) => ({
    ids,
    targets: ids.map((_, at) => (at >= contextLength - 1 && at + 1 < ids.length ? ids[at + 1]! : IGNORE_INDEX)),
  }));
  for (const batch of batches(targeted, { batchSize: BATCH_SIZE })) {
    const [ours, theirs] = [await model.tokenStats(batch, given({ signal })), await exported.tokenStats(batch, given({ signal }))];
    for (const [at, target] of batch.targets.entries()) {
      if (target === IGNORE_INDEX) continue;
      all += 1;
      same += Number(ours.top1Ids[at] === theirs.top1Ids[at]);
    }
  }
  return all === 0 ? 1 : same / all;
}

const NO_FIGURES: GateFigures = { ttr: null, rep2: null, longestQuotation: null };

/** Where nothing was decoded: what survives of the update alone. */
export function gateOfUpdate(update: UpdateShare, maxNewTokens: number): GateResult {
  const result = {
    schemaVersion: 1 as const,
    contexts: 0,
    maxNewTokens,
    passes: 'float32',
    model: NO_FIGURES,
    exported: NO_FIGURES,
    base: null,
    agreement: null,
    update,
  };
  return { ...result, problems: findProblems(result) };
}

function findProblems({ model, exported, agreement, update }: Omit<GateResult, 'problems'>): string[] {
  const { agreement: leastAgreement, updateKept } = GATE_MARGINS;
  return [
    ...textProblems(model, exported),
    ...(agreement !== null && agreement < leastAgreement
      ? [`it writes another text: its first choices agree with the model's in ${percent(agreement)}, less than ${percent(leastAgreement)}`]
      : []),
    ...(update?.kept !== undefined && update.kept !== null && update.kept < updateKept
      ? [`of the update ${percent(update.kept)} survives, less than ${percent(updateKept)}`]
      : []),
  ];
}

/** Where text is less varied than that of a model by more than the margins. */
export function textProblems(model: GateFigures, exported: GateFigures, whose = "the model's"): string[] {
  const { ttr, rep2 } = GATE_MARGINS;
  const digits = (value: number): string => value.toFixed(3);
  return [
    ...(model.ttr !== null && exported.ttr !== null && exported.ttr < ttr * model.ttr
      ? [`its text is less varied: TTR ${digits(exported.ttr)}, below ${ttr} times ${whose} ${digits(model.ttr)}`]
      : []),
    ...(model.rep2 !== null && exported.rep2 !== null && exported.rep2 > model.rep2 + rep2
      ? [`its text repeats more: rep-2 ${digits(exported.rep2)}, above ${whose} ${digits(model.rep2)} by more than ${rep2}`]
      : []),
  ];
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/**
 * The figures side by side, and what they say.
 *
 * @example
 * const { gate, type } = await exportModel(model, 'novel.gguf', { type: 'Q8_0', contexts: contexts.map(({ context }) => context) });
 * if (gate !== null) console.log(renderGate(gate, type));
 */
export function renderGate(result: GateResult, type: string): string {
  const { base, passes, model, exported, agreement, update, contexts, maxNewTokens } = result;
  const number = (value: number | null, digits: number): string => (value === null ? '-' : value.toFixed(digits)).padStart(8);
  const row = (name: string, { ttr, rep2, longestQuotation }: GateFigures, more = ''): string =>
    `${name.padEnd(24)}${number(ttr, 3)}${number(rep2, 3)}${number(longestQuotation, 0)}${more}`;
  const kept = update === null || update.kept === null ? '-' : percent(update.kept);
  const worst =
    update === null || update.worst === null
      ? []
      : [
          `least of the update is left in ${update.worst.parameter}: ${percent(update.worst.kept)}${update.lost.matrices === 0 ? '' : `; less than half in ${update.lost.matrices} of ${update.lost.of} matrices`}`,
        ];
  return [
    `${''.padEnd(24)}${`TTR(${Math.min(96, maxNewTokens)})`.padStart(8)}${'rep-2'.padStart(8)}${'longest'.padStart(8)}${'agreement'.padStart(11)}${'update kept'.padStart(13)}`,
    ...(base === null ? [] : [row('original, float32', base)]),
    row(`model, ${passes}`, model),
    row(`exported, ${type}`, exported, `${(agreement === null ? '-' : percent(agreement)).padStart(11)}${kept.padStart(13)}`),
    `(greedy, ${contexts} contexts)`,
    ...worst,
  ].join('\n');
}
