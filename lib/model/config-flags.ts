import type { Activation, ModelConfig } from '../addon-types.ts';

export type Sizes = Pick<
  ModelConfig,
  | 'vocabSize'
  | 'hiddenSize'
  | 'intermediateSize'
  | 'numHiddenLayers'
  | 'numAttentionHeads'
  | 'numKeyValueHeads'
  | 'headDim'
  | 'maxPositionEmbeddings'
>;
/** Everything but the sizes, the rotary base and what a file must say itself. */
export type Flags = Omit<ModelConfig, keyof Sizes | 'modelType' | 'normEps' | 'ropeTheta' | 'ropeScaling' | 'tieWordEmbeddings'>;

/** The decoder of a plain Llama of these sizes. Every family is this with some flags changed. */
export function plainFlags({ vocabSize, numHiddenLayers, headDim }: Pick<Sizes, 'vocabSize' | 'numHiddenLayers' | 'headDim'>): Flags {
  return {
    outputVocabSize: vocabSize,
    weightLayout: 'separate',
    normType: 'rms',
    normOffset: false,
    postNorms: false,
    qkNorm: false,
    activation: 'silu',
    gatedMlp: true,
    qkvBias: false,
    outputBias: false,
    mlpBias: false,
    learnedPositions: false,
    localRopeTheta: 0,
    layerRopes: Array.from({ length: numHiddenLayers }, () => 'global' as const),
    layerWindows: Array.from({ length: numHiddenLayers }, () => 0),
    embeddingScale: 1,
    paddingIndex: -1,
    queryScale: headDim ** -0.5,
    attentionSoftcap: 0,
    finalSoftcap: 0,
  };
}

/** Names that Hugging Face gives to activations. */
export const ACTIVATIONS: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  quick_gelu: 'quick_gelu',
};
