import type { Activation, LayerRope, ModelConfig } from '../../lib/addon-types.ts';
import { type Tensor, torch } from '../../lib/tensor/index.ts';
import { IGNORE_INDEX, type FlatBatch } from './batches.ts';
import { makeRotaryTables, makeAttentionMask } from './position-tables.ts';

/**
 * Every family as plain Tensor calls under autograd, one flag of its config after the other: the slow, obvious version that
 * the hand-written backward is held against. Shapes: B rows, T positions, C hidden, H query heads, K key/value heads, D head
 * dimension. Runs in float64 when its weights do.
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
  makeTensor: MakeTensor;
}

/** What a layer differs in from its neighbours. */
interface LayerContext extends Context {
  /** [T, D] each; undefined in a layer that turns nothing. */
  rotation: { cos: Tensor; sin: Tensor } | undefined;
  /** [T, T]: 0 where attention may look, -Infinity where not. */
  mask: Tensor;
}

/** Makes a tensor where the weights are: float64 or int64 data, on their device. */
export type MakeTensor = (data: Float64Array | BigInt64Array, shape: number[]) => Tensor;

type Argument = Parameters<typeof torch.call>[1][number];
const call = (name: string, ...args: Argument[]): Tensor => torch.call(`aten::${name}`, args) as Tensor;

/** Logits and the sum of losses; call `lossSum.backward()` and read `grad` of each weight. */
export function runAutograd(config: ModelConfig, weights: Weights, batch: FlatBatch, makeTensor: MakeTensor): AutogradResult {
  const { batchSize, sequenceLength } = batch;
  const context: Context = { config, weights, batchSize, sequenceLength, makeTensor };
  const logits = computeLogits(context, makeTensor(bigInts(batch.tokens), [batchSize, sequenceLength]));
  const targets = makeTensor(bigInts(batch.targets), [batchSize * sequenceLength]);
  const flat = call('reshape', logits, [batchSize * sequenceLength, config.outputVocabSize]);
  const REDUCTION_SUM = 2;
  return { logits, lossSum: call('cross_entropy_loss', flat, targets, null, REDUCTION_SUM, IGNORE_INDEX, 0) };
}

function bigInts(ids: Int32Array): BigInt64Array {
  return BigInt64Array.from(ids, BigInt);
}

/** The names of Hugging Face's two ways to lay out a decoder. */
const NAMES = {
  separate: { embedding: 'model.embed_tokens', positions: 'model.embed_positions', layers: 'model.layers', finalNorm: 'model.norm' },
  fused: { embedding: 'transformer.wte', positions: 'transformer.wpe', layers: 'transformer.h', finalNorm: 'transformer.ln_f' },
} as const;

function computeLogits(context: Context, ids: Tensor): Tensor {
  const { config } = context;
  const names = NAMES[config.weightLayout];
  const embedding = weight(context, `${names.embedding}.weight`);
  let x = call('mul', call('embedding', embedding, ids, config.paddingIndex), config.embeddingScale);
  if (config.learnedPositions)
    x = call('add', x, call('narrow', weight(context, `${names.positions}.weight`), 0, 0, context.sequenceLength));
  for (let layer = 0; layer < config.numHiddenLayers; layer++) x = runBlock(layerContext(context, layer), x, `${names.layers}.${layer}`);
  const head = config.tieWordEmbeddings ? embedding : weight(context, 'lm_head.weight');
  return softcap(call('linear', norm(context, x, names.finalNorm), head, null), config.finalSoftcap);
}

function layerContext(context: Context, layer: number): LayerContext {
  const { config, sequenceLength: T, makeTensor } = context;
  const mask = makeTensor(makeAttentionMask(T, config.layerWindows[layer]!), [T, T]);
  return { ...context, mask, rotation: makeRotation(context, config.layerRopes[layer]!) };
}

function makeRotation({ config, sequenceLength: T, makeTensor }: Context, rope: LayerRope): LayerContext['rotation'] {
  if (rope === 'none') return undefined;
  const { cos, sin } = makeRotaryTables(config, rope, T);
  return { cos: makeTensor(cos, [T, config.headDim]), sin: makeTensor(sin, [T, config.headDim]) };
}

/** The residual stream through attention and MLP, each between its norms. */
function runBlock(context: LayerContext, x: Tensor, prefix: string): Tensor {
  const { postNorms, weightLayout } = context.config;
  const fused = weightLayout === 'fused';
  const before = fused ? ['ln_1', 'ln_2'] : ['input_layernorm', postNorms ? 'pre_feedforward_layernorm' : 'post_attention_layernorm'];
  const join = (stream: Tensor, branch: Tensor, after: string): Tensor =>
    call('add', stream, postNorms ? norm(context, branch, `${prefix}.${after}`) : branch);
  const attended = join(
    x,
    attend(context, norm(context, x, `${prefix}.${before[0]}`), `${prefix}.${fused ? 'attn' : 'self_attn'}`),
    'post_attention_layernorm',
  );
  return join(
    attended,
    feedForward(context, norm(context, attended, `${prefix}.${before[1]}`), `${prefix}.mlp`),
    'post_feedforward_layernorm',
  );
}

/** (x - mean) / sqrt(variance + eps) w + b, or x / sqrt(mean of squares + eps) (w + offset). */
function norm(context: Context, x: Tensor, name: string): Tensor {
  if (context.config.normType === 'rms') return rmsNorm(context, x, name);
  const centred = call('sub', x, call('mean', x, [-1], true));
  return call('add', call('mul', overDeviation(context, centred), weight(context, `${name}.weight`)), weight(context, `${name}.bias`));
}

/** Of heads too, in whatever family. */
function rmsNorm(context: Context, x: Tensor, name: string): Tensor {
  return call('mul', overDeviation(context, x), call('add', weight(context, `${name}.weight`), context.config.normOffset ? 1 : 0));
}

function overDeviation({ config }: Context, x: Tensor): Tensor {
  return call('mul', x, call('rsqrt', call('add', call('mean', call('mul', x, x), [-1], true), config.normEps)));
}

function attend(context: LayerContext, x: Tensor, prefix: string): Tensor {
  const { config, batchSize, sequenceLength } = context;
  const { numAttentionHeads: heads, numKeyValueHeads: keyValueHeads, headDim } = config;
  const [queries, keys, values] = projectHeads(context, x, prefix).map((rows, index) =>
    call('transpose', call('reshape', rows, [batchSize, sequenceLength, index === 0 ? heads : keyValueHeads, headDim]), 1, 2),
  );
  const prepare = (rows: Tensor, name: string): Tensor =>
    rotate(context, config.qkNorm ? rmsNorm(context, rows, `${prefix}.${name}`) : rows);
  const key = repeatHeads(prepare(keys!, 'k_norm'), heads / keyValueHeads); // [B, H, T, D]
  const scores = call('mul', call('matmul', prepare(queries!, 'q_norm'), call('transpose', key, 2, 3)), config.queryScale);
  const shares = call('softmax', call('add', softcap(scores, config.attentionSoftcap), context.mask), -1, null); // [B, H, T, T]
  const mixed = call('transpose', call('matmul', shares, repeatHeads(values!, heads / keyValueHeads)), 1, 2);
  const name = `${prefix}.${config.weightLayout === 'fused' ? 'c_proj' : 'o_proj'}`;
  return linear(context, call('reshape', mixed, [batchSize, sequenceLength, heads * headDim]), name, config.outputBias);
}

/** Queries [B, T, H D], keys and values [B, T, K D]. */
function projectHeads(context: Context, x: Tensor, prefix: string): Tensor[] {
  const { weightLayout, qkvBias, numAttentionHeads, numKeyValueHeads, headDim } = context.config;
  if (weightLayout === 'separate') return ['q_proj', 'k_proj', 'v_proj'].map((name) => linear(context, x, `${prefix}.${name}`, qkvBias));
  const [queries, keys] = [numAttentionHeads * headDim, numKeyValueHeads * headDim];
  const all = linear(context, x, `${prefix}.c_attn`, qkvBias);
  return [
    [0, queries],
    [queries, keys],
    [queries + keys, keys],
  ].map(([start, size]) => call('narrow', all, -1, start!, size!));
}

/** Each key/value head serves `times` neighbouring query heads. */
function repeatHeads(x: Tensor, times: number): Tensor {
  return times === 1 ? x : call('repeat_interleave', x, times, 1);
}

/** Hugging Face's layout: dimension i turns with dimension i + D/2. */
function rotate({ config, rotation }: LayerContext, x: Tensor): Tensor {
  if (rotation === undefined) return x;
  const half = config.headDim / 2;
  const first = call('narrow', x, -1, 0, half);
  const second = call('narrow', x, -1, half, half);
  const turned = call('cat', [call('neg', second), first], -1);
  return call('add', call('mul', x, rotation.cos), call('mul', turned, rotation.sin));
}

/** c tanh(x / c); 0 is no cap. */
function softcap(x: Tensor, cap: number): Tensor {
  return cap === 0 ? x : call('mul', call('tanh', call('div', x, cap)), cap);
}

const ACTIVATIONS: Record<Activation, (x: Tensor) => Tensor> = {
  silu: (x) => call('mul', x, call('sigmoid', x)),
  gelu: (x) => call('mul', x, call('mul', call('add', call('erf', call('mul', x, Math.SQRT1_2)), 1), 0.5)),
  gelu_tanh: (x) => {
    const inner = call('mul', call('add', x, call('mul', call('pow', x, 3), 0.044715)), Math.sqrt(2 / Math.PI));
    return call('mul', x, call('mul', call('add', call('tanh', inner), 1), 0.5));
  },
  quick_gelu: (x) => call('mul', x, call('sigmoid', call('mul', x, 1.702))),
};

function feedForward(context: Context, x: Tensor, prefix: string): Tensor {
  const { activation, gatedMlp, mlpBias, weightLayout } = context.config;
  const [up, down] = weightLayout === 'fused' ? ['c_fc', 'c_proj'] : ['up_proj', 'down_proj'];
  const raised = linear(context, x, `${prefix}.${up}`, mlpBias);
  const activate = ACTIVATIONS[activation];
  const hidden = gatedMlp ? call('mul', activate(linear(context, x, `${prefix}.gate_proj`, mlpBias)), raised) : activate(raised);
  return linear(context, hidden, `${prefix}.${down}`, mlpBias);
}

/** Weights are [out, in], but [in, out] in the fused layout. */
function linear(context: Context, x: Tensor, name: string, hasBias: boolean): Tensor {
  const stored = weight(context, `${name}.weight`);
  const matrix = context.config.weightLayout === 'fused' ? call('t', stored) : stored;
  return call('linear', x, matrix, hasBias ? weight(context, `${name}.bias`) : null);
}

function weight({ weights }: Context, name: string): Tensor {
  const tensor = weights.get(name);
  if (tensor === undefined) throw new Error(`expected a parameter ${name}, got ${[...weights.keys()].join(', ')}`);
  return tensor;
}
