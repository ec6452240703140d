import type { ModelConfig } from '../addon-types.ts';

/** Name -> shape of every parameter of the Llama family, in the order and under the names of Hugging Face. */
export function expectedParameters(config: ModelConfig): Map<string, number[]> {
  const { vocabSize, hiddenSize, numHiddenLayers, tieWordEmbeddings } = config;
  const parameters = new Map<string, number[]>([['model.embed_tokens.weight', [vocabSize, hiddenSize]]]);
  for (let layer = 0; layer < numHiddenLayers; layer += 1) {
    for (const [name, shape] of layerParameters(config)) parameters.set(`model.layers.${layer}.${name}`, shape);
  }
  parameters.set('model.norm.weight', [hiddenSize]);
  if (!tieWordEmbeddings) parameters.set('lm_head.weight', [vocabSize, hiddenSize]);
  return parameters;
}

function layerParameters(config: ModelConfig): [string, number[]][] {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim, attentionBias, mlpBias } = config;
  const queries = numAttentionHeads * headDim;
  const keys = numKeyValueHeads * headDim;
  return [
    ...linear('self_attn.q_proj', queries, hiddenSize, attentionBias),
    ...linear('self_attn.k_proj', keys, hiddenSize, attentionBias),
    ...linear('self_attn.v_proj', keys, hiddenSize, attentionBias),
    ...linear('self_attn.o_proj', hiddenSize, queries, attentionBias),
    ...linear('mlp.gate_proj', intermediateSize, hiddenSize, mlpBias),
    ...linear('mlp.up_proj', intermediateSize, hiddenSize, mlpBias),
    ...linear('mlp.down_proj', hiddenSize, intermediateSize, mlpBias),
    ['input_layernorm.weight', [hiddenSize]],
    ['post_attention_layernorm.weight', [hiddenSize]],
  ];
}

function linear(name: string, rows: number, columns: number, bias: boolean): [string, number[]][] {
  const weight: [string, number[]] = [`${name}.weight`, [rows, columns]];
  return bias ? [weight, [`${name}.bias`, [rows]]] : [weight];
}
