/** How the rotary table is stretched for long contexts, as `rope_scaling` of config.json says; names as in transformers. */
export type NativeRopeScaling =
  | { type: 'default' }
  | { type: 'linear'; factor: number }
  | { type: 'llama3'; factor: number; lowFreqFactor: number; highFreqFactor: number; originalMaxPositionEmbeddings: number }
  /** `attentionFactor` scales cos and sin; `truncate` rounds the ends of the ramp to whole dimensions. */
  | {
      type: 'yarn';
      factor: number;
      betaFast: number;
      betaSlow: number;
      attentionFactor: number;
      truncate: boolean;
      originalMaxPositionEmbeddings: number;
    };

/** silu is x sigmoid(x), gelu_tanh GELU's tanh approximation, quick_gelu x sigmoid(1.702 x). */
export type Activation = 'silu' | 'gelu' | 'gelu_tanh' | 'quick_gelu';
/** Which rotary table turns queries and keys of a layer: none, that of `ropeTheta` and `ropeScaling`, or that of `localRopeTheta`. */
export type LayerRope = 'none' | 'global' | 'local';

/** Every flag of the decoder; lib/model/config.ts makes it from config.json or from GGUF metadata. */
export interface ModelConfig {
  /** `model_type` of config.json, for writing one; the engine asks only the flags below. */
  modelType: string;
  /** Rows of the embedding: ids that may be read. */
  vocabSize: number;
  /** Rows of the head: ids that may be predicted. Fewer than `vocabSize` where a start token never follows (ImageGPT). */
  outputVocabSize: number;
  /** Width of the residual stream. */
  hiddenSize: number;
  /** Width of the MLP. */
  intermediateSize: number;
  /** Layers. */
  numHiddenLayers: number;
  /** Query heads of a layer. */
  numAttentionHeads: number;
  /** Key and value heads of a layer; fewer than query heads are shared among them. */
  numKeyValueHeads: number;
  /** Width of a head. */
  headDim: number;
  /** Tokens of the longest context. */
  maxPositionEmbeddings: number;
  /** Whether the head is the embedding. */
  tieWordEmbeddings: boolean;
  /**
   * separate: `model.layers.N`, q_proj, k_proj and v_proj apart, weights [out, in]. fused: `transformer.h.N`, one c_attn
   * for all three, weights [in, out] (GPT-2's Conv1D).
   */
  weightLayout: 'separate' | 'fused';
  /** layer has a bias and subtracts the mean; rms has neither. */
  normType: 'rms' | 'layer';
  /** What norms add to the variance. */
  normEps: number;
  /** Norms multiply by 1 + weight (Gemma). */
  normOffset: boolean;
  /** Norms after attention and after the MLP too, before each joins the residual stream (Gemma). */
  postNorms: boolean;
  /** Norms of each query and key head before the rotation (Qwen3, Gemma 3). */
  qkNorm: boolean;
  /** Of the MLP. */
  activation: Activation;
  /** activation(gate) * up, where false is activation(up). */
  gatedMlp: boolean;
  /** Biases of the query, key and value projections. */
  qkvBias: boolean;
  /** Bias of the attention's output projection. */
  outputBias: boolean;
  /** Biases of the MLP. */
  mlpBias: boolean;
  /** Learned position embeddings, added to the tokens'. */
  learnedPositions: boolean;
  /** Base of the rotary table. */
  ropeTheta: number;
  /** How the rotary table is stretched. */
  ropeScaling: NativeRopeScaling;
  /** Base of the plain rotary table of `local` layers; 0 where there are none. */
  localRopeTheta: number;
  /** One per layer. */
  layerRopes: readonly LayerRope[];
  /** One per layer: attention reaches back this many positions, itself included; 0 is unlimited. */
  layerWindows: readonly number[];
  /** What token embeddings are multiplied by; 1 is none. */
  embeddingScale: number;
  /**
   * The id whose row of the embedding gets no gradient from being read, nn.Embedding's `padding_idx`; -1 for none. A tied head still moves
   * it.
   */
  paddingIndex: number;
  /** What products of queries and keys are multiplied by: headDim ** -0.5 in most families. */
  queryScale: number;
  /** c in c tanh(score / c), on attention scores and on logits; 0 is none (Gemma 2). */
  attentionSoftcap: number;
  /** As `attentionSoftcap`, on logits. */
  finalSoftcap: number;
}
