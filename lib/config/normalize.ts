import type { z } from 'zod';
import { HyperfitError } from '../errors.ts';
import { FIELD_NAMES, FIELDS, flagOf, isFieldName, type FieldName, type RunConfig } from './fields.ts';
import type { ConfigLayer } from './layers.ts';
import { didYouMean } from './suggest.ts';

/** Checked settings, and where each comes from. */
export interface NormalizedConfig {
  /** Its settings, checked. */
  config: RunConfig;
  /** Which layer each setting comes from. */
  sources: Record<FieldName, string>;
}

/** Keys that a config file or an options object may hold beside the settings. */
const ANNOTATIONS = new Set(['$schema']);

/**
 * A checked, complete copy of layered settings; the first layer that has a setting wins, and `sources` says which. Every problem is
 * reported in one go. A step limit given closer to the user than the epoch limit lifts the latter, so that `--max-steps 500` alone runs 500
 * steps.
 * @param layers - from the most to the least specific; presets are a layer too
 * @throws HyperfitError ERR_CONFIG that lists every unknown name, bad value and contradiction
 *
 * @example
 * const { config, sources } = normalizeConfig([
 *   { name: 'options', values: { model: 'my-model', data: 'novel.txt', epochs: 5 } },
 *   { name: 'preset demo', values: PRESETS.demo },
 * ]);
 * console.log(config.batchSize, sources.batchSize); // 8 preset demo
 */
export function normalizeConfig(layers: readonly ConfigLayer[]): NormalizedConfig {
  const problems = layers.flatMap(unknownKeys);
  const values: Record<string, unknown> = {};
  const sources = {} as Record<FieldName, string>;
  const ranks = {} as Record<FieldName, number>;
  for (const name of FIELD_NAMES) {
    const rank = layers.findIndex((layer) => layer.values[name] !== undefined);
    const layer = layers[rank];
    ranks[name] = rank === -1 ? layers.length : rank;
    sources[name] = layer?.name ?? 'default';
    values[name] = layer === undefined ? FIELDS[name].default : checked(name, layer, problems);
  }
  if (values['maxSteps'] !== null && ranks.maxSteps < ranks.epochs) {
    values['epochs'] = null;
    sources.epochs = `lifted by maxSteps (${sources.maxSteps})`;
  }
  const config = values as RunConfig;
  if (problems.length === 0) problems.push(...contradictions(config));
  if (problems.length > 0) throw configError(problems);
  return { config, sources };
}

function configError(problems: readonly string[]): HyperfitError {
  const [only] = problems;
  const message =
    problems.length === 1
      ? String(only)
      : `${problems.length} problems with the settings:\n${problems.map((line) => `  - ${line}`).join('\n')}`;
  return new HyperfitError('ERR_CONFIG', message);
}

function unknownKeys(layer: ConfigLayer): string[] {
  return Object.keys(layer.values)
    .filter((key) => !isFieldName(key) && !ANNOTATIONS.has(key))
    .map((key) => `expected a known setting, got \`${key}\` (${layer.name})${didYouMean(key, FIELD_NAMES)}`);
}

function checked(name: FieldName, layer: ConfigLayer, problems: string[]): unknown {
  const schema: z.ZodType = FIELDS[name].schema;
  const result = schema.safeParse(layer.values[name]);
  if (result.success) return result.data;
  for (const issue of result.error.issues) problems.push(describeIssue(name, layer, issue.message));
  return undefined;
}

function describeIssue(name: FieldName, layer: ConfigLayer, message: string): string {
  const got = writtenAs(layer.values[name]);
  const wanted = message.replace(/^(Invalid input|Invalid option|Too small|Too big): /, '').replace(/, received .*$/, '');
  return `\`${name}\` (${layer.name}, ${flagOf(name)}): ${wanted}, got ${got}`;
}

/** JSON, but for what it makes null of. */
function writtenAs(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(writtenAs).join(',')}]`;
  return (typeof value === 'number' ? undefined : JSON.stringify(value)) ?? String(value);
}

/** What only shows when settings are seen together. */
function contradictions(config: RunConfig): string[] {
  const problems: string[] = [];
  if (config.epochs === null && config.maxSteps === null && config.targetLoss === null) {
    problems.push('expected at least one of `epochs`, `maxSteps` and `targetLoss`, got none: the run would never end');
  }
  if (config.gradientAccumulationSteps > config.batchSize) {
    problems.push(
      `expected at most one forward pass per sequence, got \`gradientAccumulationSteps\` ${config.gradientAccumulationSteps} for \`batchSize\` ${config.batchSize}`,
    );
  }
  const together = config.stepInBackward
    ? ([
        ['gradientAccumulationSteps', config.gradientAccumulationSteps > 1],
        ['maxGradNorm', config.maxGradNorm > 0],
      ] as const)
    : [];
  for (const [name] of together.filter(([, isUsed]) => isUsed)) {
    problems.push(
      `expected either \`stepInBackward\` or \`${name}\`, got both: that needs all gradients before the first weight moves; leave one of them out`,
    );
  }
  if (config.weightDtype === 'bfloat16' && config.computeDtype === 'float32') {
    problems.push(
      'expected `computeDtype` bfloat16 beside `weightDtype` bfloat16, got float32, whose products read float32 weights; set it, or leave `weightDtype` out',
    );
  }
  if (config.optim !== 'adamw' && config.loraRank > 0) {
    problems.push(`expected either \`optim\` ${config.optim} or \`loraRank\`, got both: moments of LoRA are small; leave one of them out`);
  }
  if (config.adapter !== null && config.loraRank > 0) {
    problems.push(
      'expected either `adapter` or `loraRank`, got both: what such a run saves as its adapter would not be whole; leave `loraRank` out to train all weights, or merge first (hyperfit save --model M --adapter A --out D)',
    );
  }
  if (config.quantize !== null && config.loraRank > 0) {
    problems.push(
      'expected either `quantize` or `loraRank`, got both: what is rounded is the sum of the base and its addition, which no adapter holds; leave `loraRank` out to train all weights, or train the adapter in float32',
    );
  }
  return problems;
}
