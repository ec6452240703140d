import type { ModelConfig } from '../addon-types.ts';

type Named = [string, number[]][];

/**
 * Name -> shape of every parameter, in the order and under the names of Hugging Face. The only such table: the engine lays out its memory
 * by it.
 */
export function expectedParameters(config: ModelConfig): Map<string, number[]> {
  const isFused = config.weightLayout === 'fused';
  const layers = Array.from({ length: config.numHiddenLayers }, (_, layer): Named => {
    const prefix = isFused ? `transformer.h.${layer}.` : `model.layers.${layer}.`;
    return (isFused ? fusedLayer(config) : separateLayer(config)).map(([name, shape]) => [prefix + name, shape]);
  });
  const head: Named = config.tieWordEmbeddings ? [] : [['lm_head.weight', [config.outputVocabSize, config.hiddenSize]]];
  return new Map([...embeddings(config), ...layers.flat(), ...norm(isFused ? 'transformer.ln_f' : 'model.norm', config), ...head]);
}

function embeddings({ weightLayout, vocabSize, hiddenSize, maxPositionEmbeddings, learnedPositions }: ModelConfig): Named {
  const names =
    weightLayout === 'fused'
      ? (['transformer.wte.weight', 'transformer.wpe.weight'] as const)
      : (['model.embed_tokens.weight', 'model.embed_positions.weight'] as const);
  const tokens: Named = [[names[0], [vocabSize, hiddenSize]]];
  return learnedPositions ? [...tokens, [names[1], [maxPositionEmbeddings, hiddenSize]]] : tokens;
}

function separateLayer(config: ModelConfig): Named {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim, qkvBias, outputBias, mlpBias, gatedMlp } = config;
  const queries = numAttentionHeads * headDim;
  const keys = numKeyValueHeads * headDim;
  return [
    ...linear('self_attn.q_proj', [queries, hiddenSize], queries, qkvBias),
    ...linear('self_attn.k_proj', [keys, hiddenSize], keys, qkvBias),
    ...linear('self_attn.v_proj', [keys, hiddenSize], keys, qkvBias),
    ...linear('self_attn.o_proj', [hiddenSize, queries], hiddenSize, outputBias),
    ...(config.qkNorm
      ? ([
          ['self_attn.q_norm.weight', [headDim]],
          ['self_attn.k_norm.weight', [headDim]],
        ] as Named)
      : []),
    ...(gatedMlp ? linear('mlp.gate_proj', [intermediateSize, hiddenSize], intermediateSize, mlpBias) : []),
    ...linear('mlp.up_proj', [intermediateSize, hiddenSize], intermediateSize, mlpBias),
    ...linear('mlp.down_proj', [hiddenSize, intermediateSize], hiddenSize, mlpBias),
    ...norm('input_layernorm', config),
    ...norm('post_attention_layernorm', config),
    ...(config.postNorms ? [...norm('pre_feedforward_layernorm', config), ...norm('post_feedforward_layernorm', config)] : []),
  ];
}

/** GPT-2's Conv1D: weights [in, out]. */
function fusedLayer(config: ModelConfig): Named {
  const { hiddenSize, intermediateSize, numAttentionHeads, numKeyValueHeads, headDim, qkvBias, outputBias, mlpBias } = config;
  const queries = numAttentionHeads * headDim;
  const all = queries + 2 * numKeyValueHeads * headDim;
  return [
    ...norm('ln_1', config),
    ...linear('attn.c_attn', [hiddenSize, all], all, qkvBias),
    ...linear('attn.c_proj', [queries, hiddenSize], hiddenSize, outputBias),
    ...norm('ln_2', config),
    ...linear('mlp.c_fc', [hiddenSize, intermediateSize], intermediateSize, mlpBias),
    ...linear('mlp.c_proj', [intermediateSize, hiddenSize], hiddenSize, mlpBias),
  ];
}

function linear(name: string, shape: number[], outputs: number, bias: boolean): Named {
  const weight: Named = [[`${name}.weight`, shape]];
  return bias ? [...weight, [`${name}.bias`, [outputs]]] : weight;
}

function norm(name: string, { normType, hiddenSize }: ModelConfig): Named {
  const weight: Named = [[`${name}.weight`, [hiddenSize]]];
  return normType === 'layer' ? [...weight, [`${name}.bias`, [hiddenSize]]] : weight;
}
