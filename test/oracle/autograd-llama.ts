import type { ModelConfig } from '../../lib/addon-types.ts';
import { type Tensor, torch } from '../../lib/tensor/index.ts';
import { IGNORE_INDEX, type FlatBatch } from './batches.ts';
import { makeRotaryTables, makeAttentionMask } from './position-tables.ts';

/**
 * The Llama family as plain Tensor calls under autograd: the slow, obvious version that the hand-written backward is
 * held against. Shapes: B rows, T positions, C hidden, H query heads, K key/value heads, D head dimension.
 * Runs in float64 when its weights do.
 */

export type Weights = ReadonlyMap<string, Tensor>;

export interface AutogradResult {
  /** [B, T, vocabulary] */
  logits: Tensor;
  /** Sum over the positions that have a target. */
  lossSum: Tensor;
}

interface Context {
  config: ModelConfig;
  weights: Weights;
  batchSize: number;
  sequenceLength: number;
  /** [T, D] each */
  cos: Tensor;
  sin: Tensor;
  /** [T, T]: 0 where attention may look, -Infinity where not. */
  mask: Tensor;
}

const call = (name: string, ...args: Parameters<typeof torch.call>[1][number][]): Tensor => torch.call(`aten::${name}`, args) as Tensor;

/** Logits and the sum of losses; call `lossSum.backward()` and read `grad` of each weight. */
export function runAutogradLlama(config: ModelConfig, weights: Weights, batch: FlatBatch, makeTensor: MakeTensor): AutogradResult {
  const { batchSize, sequenceLength } = batch;
  const { cos, sin } = makeRotaryTables(config, sequenceLength);
  const context: Context = {
    config, weights, batchSize, sequenceLength,
    cos: makeTensor(cos, [sequenceLength, config.headDim]),
    sin: makeTensor(sin, [sequenceLength, config.headDim]),
    mask: makeTensor(makeAttentionMask(sequenceLength, config.layerWindows[0]!), [sequenceLength, sequenceLength]),
  };
  const logits = computeLogits(context, makeTensor(bigInts(batch.tokens), [batchSize, sequenceLength]));
  const targets = makeTensor(bigInts(batch.targets), [batchSize * sequenceLength]);
  const flat = call('reshape', logits, [batchSize * sequenceLength, config.vocabSize]);
  const REDUCTION_SUM = 2;
  return { logits, lossSum: call('cross_entropy_loss', flat, targets, null, REDUCTION_SUM, IGNORE_INDEX, 0) };
}

/** Makes a tensor where the weights are: float64 or int64 data, on their device. */
export type MakeTensor = (data: Float64Array | BigInt64Array, shape: number[]) => Tensor;

function bigInts(ids: Int32Array): BigInt64Array {
  return BigInt64Array.from(ids, BigInt);
}

function computeLogits(context: Context, ids: Tensor): Tensor {
  const { config } = context;
  const embedding = weight(context, 'model.embed_tokens.weight');
  let x = call('embedding', embedding, ids);
  for (let layer = 0; layer < config.numHiddenLayers; layer++) x = runBlock(context, x, `model.layers.${layer}`);
  x = rmsNorm(context, x, 'model.norm.weight');
  return call('linear', x, config.tieWordEmbeddings ? embedding : weight(context, 'lm_head.weight'), null);
}

function runBlock(context: Context, x: Tensor, prefix: string): Tensor {
  const attended = call('add', x, attend(context, rmsNorm(context, x, `${prefix}.input_layernorm.weight`), `${prefix}.self_attn`));
  return call('add', attended, feedForward(context, rmsNorm(context, attended, `${prefix}.post_attention_layernorm.weight`), `${prefix}.mlp`));
}

/** x / sqrt(mean of squares + eps), times the gain. */
function rmsNorm(context: Context, x: Tensor, name: string): Tensor {
  const meanSquare = call('mean', call('mul', x, x), [-1], true);
  const scale = call('rsqrt', call('add', meanSquare, context.config.normEps));
  return call('mul', call('mul', x, scale), weight(context, name));
}

function attend(context: Context, x: Tensor, prefix: string): Tensor {
  const { config, batchSize, sequenceLength } = context;
  const { numAttentionHeads: heads, numKeyValueHeads: keyValueHeads, headDim } = config;
  const hasBias = config.qkvBias;
  const split = (name: string, count: number): Tensor =>
    call('transpose', call('reshape', linear(context, x, `${prefix}.${name}`, hasBias), [batchSize, sequenceLength, count, headDim]), 1, 2);
  const query = rotate(context, split('q_proj', heads)); // [B, H, T, D]
  const key = repeatHeads(rotate(context, split('k_proj', keyValueHeads)), heads / keyValueHeads);
  const value = repeatHeads(split('v_proj', keyValueHeads), heads / keyValueHeads);
  const scores = call('mul', call('matmul', query, call('transpose', key, 2, 3)), 1 / Math.sqrt(headDim));
  const shares = call('softmax', call('add', scores, context.mask), -1, null); // [B, H, T, T]
  const mixed = call('transpose', call('matmul', shares, value), 1, 2);
  return linear(context, call('reshape', mixed, [batchSize, sequenceLength, heads * headDim]), `${prefix}.o_proj`, hasBias);
}

/** Each key/value head serves `times` neighbouring query heads. */
function repeatHeads(x: Tensor, times: number): Tensor {
  return times === 1 ? x : call('repeat_interleave', x, times, 1);
}

/** Hugging Face's layout: dimension i turns with dimension i + D/2. */
function rotate(context: Context, x: Tensor): Tensor {
  const half = context.config.headDim / 2;
  const first = call('narrow', x, -1, 0, half);
  const second = call('narrow', x, -1, half, half);
  const turned = call('cat', [call('neg', second), first], -1);
  return call('add', call('mul', x, context.cos), call('mul', turned, context.sin));
}

function feedForward(context: Context, x: Tensor, prefix: string): Tensor {
  const hasBias = context.config.mlpBias;
  const gate = linear(context, x, `${prefix}.gate_proj`, hasBias);
  const silu = call('mul', gate, call('sigmoid', gate));
  return linear(context, call('mul', silu, linear(context, x, `${prefix}.up_proj`, hasBias)), `${prefix}.down_proj`, hasBias);
}

function linear(context: Context, x: Tensor, name: string, hasBias: boolean): Tensor {
  return call('linear', x, weight(context, `${name}.weight`), hasBias ? weight(context, `${name}.bias`) : null);
}

function weight({ weights }: Context, name: string): Tensor {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`expected a parameter ${name}, got ${[...weights.keys()].join(', ')}`);
  return tensor;
}
