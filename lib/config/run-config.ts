// Written by `npm run option:types` from the table of lib/config/fields.ts; a test holds the two together.
// Change the words there.
import type { DeviceName } from './device-name.ts';
import type { OrderName } from './fields.ts';
import type { QuantizeType } from './quantize-types.ts';

/** Every setting of a run, checked and complete: what `run.json` stores. */
export type RunConfig = {
  /**
   * Model to hyperfit: a Hugging Face folder, a .gguf file, a run, a checkpoint, or a name of the Hugging Face hub: org/name,
   * hf:org/name:Q4_K_M. Default `null`; as a flag `--model <path>`.
   */
  model: string | null;
  /**
   * LoRA adapter in the form of PEFT to add to the model first; all weights are trained from there on. Default `null`; as a flag
   * `--adapter <dir>`.
   */
  adapter: string | null;
  /**
   * What to hyperfit on: .txt, .md, .epub, .docx, .jsonl, .json, .csv, .tsv, .parquet (.gz too), a folder of these, or
   * hf:datasets/org/name. Default `null`; as a flag `--data <path>`.
   */
  data: string | null;
  /**
   * Images to hyperfit an ImageGPT on, in place of data: a folder of .png, a PNG, an IDX file or raw 32 x 32 colour. Default `null`; as a
   * flag `--images <path>`.
   */
  images: string | null;
  /** How many sequences to take from the data; `null` takes all. Default `null`; as a flag `--samples <N>`. */
  samples: number | null;
  /** Which sequences: seeded random ones or the first. Default `'random'`; as a flag `--sample-selection <rule>`. */
  sampleSelection: 'random' | 'first';
  /** Tokens per sequence. Default `256`; as a flag `--sequence-length <T>`. */
  sequenceLength: number;
  /**
   * Where sequences of a text start: at paragraphs, or where the last one ended (consecutive); auto: at paragraphs where the text is long
   * enough for that. Default `'auto'`; as a flag `--windows <rule>`.
   */
  windows: 'auto' | 'paragraph' | 'consecutive';
  /** Join the lines of hard-wrapped paragraphs; without it text is learnt as it stands. Default `false`; as a flag `--unwrap`. */
  unwrap: boolean;
  /** Put the end of text behind every text, so that the model learns to end. Default `false`; as a flag `--append-eos`. */
  appendEos: boolean;
  /**
   * What is learnt of \{"messages"\} lines: the turns of the assistant, the last of them, or all. Default `'assistant'`; as a flag
   * `--train-on <rule>`.
   */
  trainOn: 'assistant' | 'last' | 'all';
  /** Sequences per optimizer step. Default `8`; as a flag `--batch-size <B>`. */
  batchSize: number;
  /** Forward passes the sequences of one step are spread over. Default `1`; as a flag `--gradient-accumulation-steps <N>`. */
  gradientAccumulationSteps: number;
  /** Constant learning rate of AdamW. Default `1e-6`; as a flag `--learning-rate <X>`. */
  learningRate: number;
  /** Steps over which the rate climbs from near zero. Default `0`; as a flag `--warmup-steps <N>`. */
  warmupSteps: number;
  /** Decay rates of the two moments of AdamW. Default `[0.9, 0.999]`; as a flag `--betas <a,b>`. */
  betas: [number, number];
  /** What AdamW adds to the denominator. Default `1e-8`; as a flag `--eps <X>`. */
  eps: number;
  /** Decoupled weight decay. Default `0`; as a flag `--weight-decay <X>`. */
  weightDecay: number;
  /** Clip the global gradient norm to this; 0 does not clip. Default `0`; as a flag `--max-grad-norm <X>`. */
  maxGradNorm: number;
  /** Adamw keeps two moments of 4 bytes for each weight, adamw_8bit of 1. Default `'adamw'`; as a flag `--optim <name>`. */
  optim: 'adamw' | 'adamw_8bit';
  /**
   * Move each weight as soon as its gradient is whole: gradients take the memory of a layer; without clipping and accumulation. Default
   * `false`; as a flag `--step-in-backward`.
   */
  stepInBackward: boolean;
  /** Train additions of this rank (LoRA) instead of all weights; 0 trains all weights. Default `0`; as a flag `--lora-rank <R>`. */
  loraRank: number;
  /** LoRA: the additions are multiplied by alpha / rank. Default `16`; as a flag `--lora-alpha <X>`. */
  loraAlpha: number;
  /**
   * LoRA: modules that get one, such as q_proj,v_proj; all-linear for all of the layers. Default `['all-linear']`; as a flag
   * `--lora-targets <a,b>`.
   */
  loraTargets: string[];
  /** LoRA: only the last N layers; `null` takes all. Default `null`; as a flag `--lora-layers <N>`. */
  loraLayers: number | null;
  /**
   * Train what a GGUF file of this type will hold (Q8_0, Q6_K, Q5_K_M, Q4_K_M, Q4_0): passes run on rounded weights, updates go to float32
   * ones behind them; `null` trains float32 weights. Default `null`; as a flag `--quantize <type>`.
   */
  quantize: QuantizeType | null;
  /** Passes over the sequences; lifted by a `maxSteps` given closer to you. Default `20`; as a flag `--epochs <E>`. */
  epochs: number | null;
  /** Stop after this many optimizer steps. Default `null`; as a flag `--max-steps <S>`. */
  maxSteps: number | null;
  /** Stop once the mean training loss of an epoch is below this, in nats per token. Default `null`; as a flag `--target-loss <L>`. */
  targetLoss: number | null;
  /** Order of the sequences: shuffle, identity or swap-K (K seeded exchanges). Default `'shuffle'`; as a flag `--order <order>`. */
  order: OrderName;
  /** Seed of the sample selection and of the order. Default `0`; as a flag `--seed <N>`. */
  seed: number;
  /** Where to compute: cpu, cuda or cuda:N. Default `'cpu'`; as a flag `--device <device>`. */
  device: DeviceName;
  /**
   * Type of the activations and of the products; weights that are trained are float32 always. Default `'float32'`; as a flag
   * `--compute-dtype <dtype>`.
   */
  computeDtype: 'float32' | 'bfloat16';
  /**
   * With bfloat16 products: auto holds matrices that nobody trains in bfloat16 alone where that loses nothing, bfloat16 rounds the rest of
   * them too, float32 holds both. Default `'auto'`; as a flag `--weight-dtype <dtype>`.
   */
  weightDtype: 'auto' | 'float32' | 'bfloat16';
  /**
   * Compute activations again in the backward and make logits in parts: less memory, about a fifth more time. Default `false`; as a flag
   * `--recompute`.
   */
  recompute: boolean;
  /** Threads on the CPU; `null` leaves it to libtorch. Default `null`; as a flag `--threads <N>`. */
  threads: number | null;
  /** Folder of the run; `null` makes runs/<date and time>. Default `null`; as a flag `--out <dir>`. */
  out: string | null;
  /** Continue the run in `out` from its newest complete checkpoint. Default `false`; as a flag `--resume`. */
  resume: boolean;
  /**
   * With `resume`: go on with other settings or data than the run was begun with; run.json keeps each change. Default `false`; as a flag
   * `--allow-changes`.
   */
  allowChanges: boolean;
  /** Steps between checkpoints; 0 saves at the end only. Default `250`; as a flag `--save-every-steps <N>`. */
  saveEverySteps: number;
  /** How many checkpoints to keep. Default `2`; as a flag `--keep-last-checkpoints <N>`. */
  keepLastCheckpoints: number;
  /**
   * Weights kept as best-by-generation and best-by-loss, judged at each evaluation: none, generation, loss or both. Default `'both'`; as a
   * flag `--keep-best <rule>`.
   */
  keepBest: 'none' | 'generation' | 'loss' | 'both';
  /** Text that is not trained on; `null` takes sequences left over from the data. Default `null`; as a flag `--held-out <path>`. */
  heldOut: string | null;
  /** At most this many held-out sequences for the held-out loss. Default `32`; as a flag `--held-out-samples <N>`. */
  heldOutSamples: number;
  /**
   * Beginnings to continue, .jsonl or text; `null` takes them from the held-out sequences. Default `null`; as a flag `--contexts <path>`.
   */
  contexts: string | null;
  /** Tokens of a context. Default `32`; as a flag `--context-length <N>`. */
  contextLength: number;
  /** Tokens of a continuation. Default `96`; as a flag `--max-new-tokens <N>`. */
  maxNewTokens: number;
  /** Steps between evaluations with sample generations; 0 never. Default `250`; as a flag `--evaluate-every-steps <N>`. */
  evaluateEverySteps: number;
  /** Contexts continued at each evaluation. Default `4`; as a flag `--validation-contexts <N>`. */
  validationContexts: number;
  /** Contexts of the closing comparison with the original model; 0 leaves it out. Default `32`; as a flag `--comparison-contexts <N>`. */
  comparisonContexts: number;
  /** Also write event files for TensorBoard, to tensorboard/ in the folder of the run. Default `false`; as a flag `--tensorboard`. */
  tensorboard: boolean;
  /** Tokens in a row from the training set after which the citation blocker steps in. Default `5`; as a flag `--match-length <N>`. */
  matchLength: number;
  /** Citation blocker: what `matchLength` counts, token or word. Default `'token'`; as a flag `--match-unit <unit>`. */
  matchUnit: 'token' | 'word';
  /** Citation blocker: the context counts towards the match, not only what was generated. Default `false`; as a flag `--count-prompt`. */
  countPrompt: boolean;
  /**
   * Default `true`. `false` (`--no-wait-for-word-end`): citation blocker: forbid at once, in the middle of a word too; by default words are
   * finished.
   */
  waitForWordEnd: boolean;
  /** Citation blocker: forbid what follows at all places of the match, or at the first. Default `'all'`; as a flag `--banned <rule>`. */
  banned: 'all' | 'first';
  /**
   * Citation blocker: what a match at the end of a training sequence does, ignore or ban-eos. Default `'ignore'`; as a flag
   * `--sequence-end <rule>`.
   */
  sequenceEnd: 'ignore' | 'ban-eos';
  /** Citation blocker: fold compares without case and surrounding space. Default `'none'`; as a flag `--normalization <rule>`. */
  normalization: 'none' | 'fold';
  /**
   * Tokens in a row from the training set from which on the report lists a continuation as memorised. Default `8`; as a flag
   * `--memorised-length <N>`.
   */
  memorisedLength: number;
  /** Nucleus of the sampled baseline in the comparison. Default `0.9`; as a flag `--top-p <X>`. */
  topP: number;
  /** Temperature of the sampled baseline. Default `0.7`; as a flag `--temperature <X>`. */
  temperature: number;
  /** Candidates of the sampled baseline; 0 keeps all. Default `50`; as a flag `--top-k <N>`. */
  topK: number;
};
