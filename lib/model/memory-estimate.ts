import { addon } from '../addon.ts';
import type { ComputeDType, ModelConfig } from '../addon-types.ts';
import type { DeviceName } from '../config/device-name.ts';
import type { OptimName } from '../config/optims.ts';
import { HyperfitError } from '../errors.ts';
import { normalizeLora, type LoraOptions } from './lora.ts';
import { expectedParameters } from './parameters.ts';

/** One thing that a training holds in memory. */
export interface MemoryLine {
  /** What it is, such as `gradients`. */
  of: string;
  /** How much it takes. */
  bytes: number;
}

/** What a training holds at once, on the device it computes on. */
export interface MemoryEstimate {
  /** Where all of it stands. */
  device: DeviceName;
  /** What takes something, weights first. */
  lines: MemoryLine[];
  /** The sum of the lines. */
  totalBytes: number;
}

/** A training as far as its memory goes. */
export interface MemoryOptions {
  /** Default `cpu`. */
  device?: DeviceName;
  /** Of products. Default `float32`. */
  computeDtype?: ComputeDType;
  /**
   * What matrices that nobody trains are held in: `bfloat16` where products compute in that and `Model.load`'s `weightDtype` finds or makes
   * them so. Default `float32`.
   */
  heldDtype?: 'float32' | 'bfloat16';
  /** Sequences in one forward pass: the batch size over `gradientAccumulationSteps`. Default 8. */
  batchSize?: number;
  /** Tokens of the longest sequence. Default 256. */
  sequenceLength?: number;
  /** Whether activations are computed again in the backward. Default false. */
  recompute?: boolean;
  /** Whether gradients stand a layer at a time. Default false. */
  stepInBackward?: boolean;
  /** Whose moments. Default `adamw`. */
  optim?: OptimName;
  /** Without it every weight is trained. */
  lora?: LoraOptions | undefined;
  /** Whether passes run on weights rounded for a GGUF file. Default false. */
  isQuantized?: boolean;
  /**
   * The largest batch that is decoded on the way: `rows` beginnings, which grow to `positions` tokens each, and whether tokens are drawn.
   */
  decoding?: { rows: number; positions: number; draws?: boolean };
}

const FLOAT = 4;
const BFLOAT = 2;
/**
 * Of a row and id, while a device draws from them by libtorch's operators (native/decode/device/token_draw.cc): weights in float64 before,
 * in and behind their order, and ids. Kernels of ours need 64 KB a row; whether a card takes them is not known beforehand.
 */
const DRAWN = 50;
/** Positions of a cache on a device come in such (native/engine/generation.cc). */
const POSITIONS = 128;
/** Parameters begin at multiples of so many elements, which share a scale where their moments have 8 bits (native/ops/arguments.h). */
const ALIGNMENT = 256;

/**
 * What a training of this model takes, by line, before anything is loaded. Activations are those of the engine's own layout, laid out
 * without memory; node, libtorch and what the system keeps of files come on top.
 * @throws HyperfitError ERR_CONFIG for LoRA that this model has no place for, and for shapes beyond its context; ERR_LIBTORCH_NOT_FOUND
 *   where there is no libtorch, whose layout it asks
 *
 * @example
 * const { lines, totalBytes } = estimateTrainingMemory(model.config, { batchSize: 8, sequenceLength: 256, recompute: true });
 * for (const line of lines) console.log(line.of, line.bytes);
 */
export function estimateTrainingMemory(config: ModelConfig, options: MemoryOptions = {}): MemoryEstimate {
  const {
    device = 'cpu',
    computeDtype = 'float32',
    batchSize = 8,
    sequenceLength = 256,
    recompute = false,
    stepInBackward = false,
    optim = 'adamw',
    isQuantized = false,
    heldDtype = 'float32',
  } = options;
  requireShape(config, batchSize, sequenceLength);
  const sizes = [...expectedParameters(config)].map(([name, shape]) => ({
    name,
    isMatrix: shape.length === 2,
    elements: shape.reduce((product, size) => product * size, 1),
  }));
  const trained = options.lora === undefined ? undefined : normalizeLora(config, options.lora);
  const names = new Set(trained?.names);
  // Gradients of vectors are written in any case.
  const withGradient = sizes.filter(({ name, isMatrix }) => trained === undefined || names.has(name) || !isMatrix);
  const trainedSizes = withGradient.filter(({ isMatrix }) => isMatrix);
  const flat = flatElements(sizes);
  const step = addon().stepMemory(config, device, computeDtype, batchSize, sequenceLength, firstLayer(trained?.names), recompute);
  const largest = step.sumsInFloat32 ? 0 : largestOf(trainedSizes);
  const isRounded = computeDtype === 'bfloat16';
  // Whoever trains all weights, or rounds them for a file, wants float32.
  const isAlone = heldDtype === 'bfloat16' && isRounded && trained !== undefined && !isQuantized;
  const lines = [
    { of: 'weights, float32', bytes: FLOAT * (isAlone ? flatElements(sizes.filter(({ isMatrix }) => !isMatrix)) : flat) },
    { of: 'weights as products read them, bfloat16', bytes: isRounded ? BFLOAT * flat : 0 },
    { of: 'weights as the file will store them', bytes: isQuantized ? FLOAT * flat : 0 },
    { of: 'gradients', bytes: FLOAT * (stepInBackward ? gradientsInTurns(withGradient) : flatElements(withGradient)) + BFLOAT * largest },
    ...(trained === undefined
      ? [{ of: 'moments of AdamW', bytes: optim === 'adamw' ? 2 * FLOAT * flat : 2 * flat + (2 * FLOAT * flat) / ALIGNMENT }]
      : loraLines(config, trainedSizes, trained.rank, isAlone)),
    { of: `activations of ${batchSize} x ${sequenceLength} tokens`, bytes: step.activationBytes },
    { of: 'scores of attention', bytes: step.attentionBytes },
    { of: 'what graphs keep of attention', bytes: step.graphBytes },
    { of: 'logits', bytes: step.logitBytes },
    ...decodingLines(config, options),
  ].filter(({ bytes }) => bytes > 0);
  return { device, lines, totalBytes: lines.reduce((sum, { bytes }) => sum + bytes, 0) };
}

interface ParameterSize {
  name: string;
  isMatrix: boolean;
  elements: number;
}

const padded = (elements: number): number => Math.ceil(elements / ALIGNMENT) * ALIGNMENT;

const flatElements = (sizes: readonly ParameterSize[]): number => sizes.reduce((sum, { elements }) => sum + padded(elements), 0);

const largestOf = (sizes: readonly ParameterSize[]): number => Math.max(0, ...sizes.map(({ elements }) => elements));

/** Elements of what stands outside of the layers, and of the largest layer. */
function gradientsInTurns(sizes: readonly ParameterSize[]): number {
  const layers = new Map<string, number>();
  for (const { name, elements } of sizes) {
    const layer = /\.(\d+)\./.exec(name)?.[1] ?? '';
    layers.set(layer, (layers.get(layer) ?? 0) + padded(elements));
  }
  const outside = layers.get('') ?? 0;
  layers.delete('');
  return outside + Math.max(0, ...layers.values());
}

/** Each addition with its gradient and two moments, and a copy of the matrix that it is added to; over bfloat16 also one sum at a time. */
function loraLines(config: ModelConfig, matrices: readonly ParameterSize[], rank: number, isAlone: boolean): MemoryLine[] {
  const shapes = expectedParameters(config);
  const additions = matrices.reduce((sum, { name }) => sum + rank * shapes.get(name)!.reduce((left, right) => left + right, 0), 0);
  const elements = matrices.reduce((sum, matrix) => sum + matrix.elements, 0);
  return [
    { of: 'the matrices that LoRA adds to', bytes: isAlone ? BFLOAT * elements + FLOAT * largestOf(matrices) : FLOAT * elements },
    { of: 'A and B of LoRA, gradients and moments', bytes: 4 * FLOAT * additions },
  ];
}

function decodingLines(config: ModelConfig, { device = 'cpu', computeDtype = 'float32', decoding }: MemoryOptions): MemoryLine[] {
  if (decoding === undefined || decoding.rows === 0) return [];
  const { numHiddenLayers, numKeyValueHeads, headDim, outputVocabSize } = config;
  const { rows, draws = false } = decoding;
  const onDevice = device !== 'cpu';
  const positions = onDevice
    ? Math.max(decoding.positions, Math.min(Math.ceil(decoding.positions / POSITIONS) * POSITIONS, config.maxPositionEmbeddings))
    : decoding.positions;
  const isRounded = computeDtype === 'bfloat16';
  return [
    {
      of: `keys and values of ${rows} texts`,
      bytes: 2 * numHiddenLayers * rows * numKeyValueHeads * positions * headDim * (isRounded ? BFLOAT : FLOAT),
    },
    // Those of float32 products stand where the logits of training do.
    { of: 'scores that tokens are chosen by', bytes: isRounded ? FLOAT * rows * outputVocabSize : 0 },
    { of: 'weights that tokens are drawn by', bytes: onDevice && draws ? DRAWN * rows * outputVocabSize : 0 },
  ];
}

/** Of the lowest matrix that is trained; without LoRA the backward reaches the embedding. */
function firstLayer(names: readonly string[] | undefined): number {
  return names === undefined ? 0 : Math.min(...names.map((name) => Number(/\.(\d+)\./.exec(name)![1])));
}

function requireShape({ maxPositionEmbeddings }: ModelConfig, batchSize: number, sequenceLength: number): void {
  if (!Number.isSafeInteger(batchSize) || batchSize < 1)
    throw new HyperfitError('ERR_CONFIG', `expected a whole number from 1 for \`batchSize\`, got ${batchSize}`);
  if (Number.isSafeInteger(sequenceLength) && sequenceLength >= 1 && sequenceLength <= maxPositionEmbeddings) return;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected a whole number from 1 to ${maxPositionEmbeddings}, the model's context, for \`sequenceLength\`, got ${sequenceLength}`,
  );
}
