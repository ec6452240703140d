import type { ModelConfig } from '../addon-types.ts';
import type { Flags, Sizes } from './config-flags.ts';
import type { ConfigValues } from './config-values.ts';
import { GEMMA_LAYOUT, GPT2_LAYOUT, LLAMA_LAYOUT, QWEN_LAYOUT } from './gguf-names.ts';
import type { GgufLayout } from './gguf-names.ts';

/** What stands in a GGUF file beside the sizes. */
export interface GgufFacts {
  /** By key, the architecture's name left out. */
  values: ConfigValues;
  sizes: Sizes;
  hasTensor(name: string): boolean;
}

/** `modelType` and the flags in which it differs from a plain Llama. */
type Differences = Partial<Flags> & Pick<ModelConfig, 'modelType'> & { ropeTheta?: number };

/** What hyperfit knows of one `general.architecture`: llama.cpp fixes in code what config.json spells out. */
export interface GgufArchitecture {
  layout: GgufLayout;
  normEpsKey: string;
  /** Keys read beyond those that every architecture has. */
  read: readonly string[];
  differences(facts: GgufFacts): Differences;
}

const RMS_EPS = 'attention.layer_norm_rms_epsilon';
const WINDOW = 'attention.sliding_window';
const PATTERN = 'attention.sliding_window_pattern';
const GEMMA_READ = [WINDOW, PATTERN, 'final_logit_softcapping'];
/** llama.cpp turns no queries and keys in every fourth layer of a SmolLM3. */
const NO_ROPE_PERIOD = 4;

function biases({ hasTensor }: GgufFacts): Partial<Flags> {
  return {
    qkvBias: hasTensor('blk.0.attn_q.bias'),
    outputBias: hasTensor('blk.0.attn_output.bias'),
    mlpBias: hasTensor('blk.0.ffn_gate.bias'),
  };
}

function everyLayer<T>({ sizes }: GgufFacts, of: (layer: number) => T): T[] {
  return Array.from({ length: sizes.numHiddenLayers }, (_, layer) => of(layer));
}

/** Gemma's checkpoints of 27B parameters, known by their depth, scale queries by hidden size per head (llama.cpp does the same). */
function gemma(facts: GgufFacts, deepest: number, pattern: number): Partial<Flags> & { sliding: boolean[] } {
  const { values, sizes } = facts;
  const perHead = sizes.numHiddenLayers === deepest ? sizes.hiddenSize / sizes.numAttentionHeads : sizes.headDim;
  const sliding = slidingLayers(facts, pattern);
  const window = sliding.includes(true) ? values.size(WINDOW) : 0;
  return {
    ...biases(facts),
    normOffset: true,
    postNorms: true,
    activation: 'gelu_tanh',
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    queryScale: perHead ** -0.5,
    layerWindows: sliding.map((slides) => (slides ? window : 0)),
    sliding,
  };
}

/** Every n-th layer is global; or each layer by a list. */
function slidingLayers(facts: GgufFacts, pattern: number): boolean[] {
  const given = facts.values.raw(PATTERN);
  if (!Array.isArray(given)) {
    const period = facts.values.size(PATTERN, pattern);
    return everyLayer(facts, (layer) => (layer + 1) % period !== 0);
  }
  const isList = given.length === facts.sizes.numHiddenLayers && given.every((slides) => typeof slides === 'boolean');
  if (!isList) facts.values.refuse(PATTERN, 'one true or false a layer');
  return isList ? given : [];
}

/** llama.cpp passes over these keys in families that it computes without windows; hyperfit writes them so that nothing is lost. */
function windows(facts: GgufFacts): Partial<Flags> {
  if (!facts.values.has(WINDOW)) return {};
  const window = facts.values.size(WINDOW);
  return { layerWindows: slidingLayers(facts, facts.sizes.numHiddenLayers + 1).map((slides) => (slides ? window : 0)) };
}

export const GGUF_ARCHITECTURES: ReadonlyMap<unknown, GgufArchitecture> = new Map<unknown, GgufArchitecture>([
  [
    'llama',
    {
      layout: LLAMA_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [WINDOW],
      differences: (facts) => {
        const window = facts.values.has(WINDOW) ? facts.values.size(WINDOW) : 0;
        return { modelType: window > 0 ? 'mistral' : 'llama', ...biases(facts), layerWindows: everyLayer(facts, () => window) };
      },
    },
  ],
  [
    'qwen2',
    {
      layout: QWEN_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [WINDOW, PATTERN],
      differences: (facts) => ({ modelType: 'qwen2', ...biases(facts), ...windows(facts) }),
    },
  ],
  [
    'qwen3',
    {
      layout: QWEN_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [WINDOW, PATTERN],
      differences: (facts) => ({ modelType: 'qwen3', ...biases(facts), ...windows(facts), qkNorm: true }),
    },
  ],
  [
    'smollm3',
    {
      layout: LLAMA_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [WINDOW, PATTERN],
      differences: (facts) => ({
        modelType: 'smollm3',
        ...biases(facts),
        ...windows(facts),
        layerRopes: everyLayer(facts, (layer) => ((layer + 1) % NO_ROPE_PERIOD === 0 ? 'none' : 'global')),
      }),
    },
  ],
  [
    'gemma2',
    {
      layout: GEMMA_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [...GEMMA_READ, 'attn_logit_softcapping'],
      differences: (facts) => {
        const { sliding: _, ...flags } = gemma(facts, 46, 2);
        const { values } = facts;
        return {
          modelType: 'gemma2',
          ...flags,
          attentionSoftcap: values.positive('attn_logit_softcapping', 50),
          finalSoftcap: values.positive('final_logit_softcapping', 30),
        };
      },
    },
  ],
  [
    'gemma3',
    {
      layout: GEMMA_LAYOUT,
      normEpsKey: RMS_EPS,
      read: [...GEMMA_READ, 'rope.freq_base_swa'],
      differences: (facts) => {
        const { sliding, ...flags } = gemma(facts, 62, 6);
        const { values } = facts;
        return {
          modelType: 'gemma3_text',
          ...flags,
          qkNorm: true,
          finalSoftcap: values.has('final_logit_softcapping') ? values.positive('final_logit_softcapping') : 0,
          layerRopes: sliding.map((slides) => (slides ? 'local' : 'global')),
          localRopeTheta: sliding.includes(true) ? values.positive('rope.freq_base_swa', 10000) : 0,
        };
      },
    },
  ],
  [
    'gpt2',
    {
      layout: GPT2_LAYOUT,
      normEpsKey: 'attention.layer_norm_epsilon',
      read: [],
      differences: (facts) => ({
        modelType: 'gpt2',
        weightLayout: 'fused',
        normType: 'layer',
        activation: 'gelu_tanh',
        gatedMlp: false,
        qkvBias: true,
        outputBias: true,
        mlpBias: true,
        learnedPositions: true,
        ropeTheta: 0,
        layerRopes: everyLayer(facts, () => 'none' as const),
      }),
    },
  ],
]);
