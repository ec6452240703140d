import type { Control, ModelHandle, NativeGenerateOptions, NativeGeneration } from './addon-types.ts';

export type BatchHandle = number;

/** A sequence that has left a running batch; `failure` is an error of its own. */
export interface NativeDeparture {
  seat: number;
  generation: NativeGeneration;
  failure: Error | null;
}

/** Of T tokens of a prompt: ln p of each but the first [T - 1], and the most probable ids in their places [T - 1, count]. */
export interface NativePromptScores {
  logProbs: Float32Array;
  topIds: Int32Array;
  topLogProbs: Float32Array;
}

/** A token of a running batch; the last two are [topLogProbs], empty without `tokenStats`. */
export type SeatListener = (seat: number, id: number, logProb: number, topIds: Int32Array, topLogProbs: Float32Array) => void;

/** The part of the crossing that sequences come and go by; see lib/addon-types.ts. */
export interface NativeBatches {
  /** A batch of at most `seats` sequences, which come and go while it decodes. */
  batchCreate(model: ModelHandle, seats: number): BatchHandle;
  /** Parked until running work of this batch ends; idempotent. */
  /** `endsWork` as of `modelDispose`. */
  batchDispose(batch: BatchHandle, endsWork: boolean): void;
  /**
   * Reads one prompt (`lengths` has one element) into a free seat and chooses its first token; `promptTop` >= 0 asks for the prompt's
   * scores. `departure` where the sequence has ended already.
   */
  batchJoin(
    batch: BatchHandle,
    seat: number,
    prompt: Int32Array,
    lengths: Int32Array,
    options: NativeGenerateOptions,
    promptTop: number,
    control: Control,
    onToken: SeatListener,
  ): Promise<{ prompt: NativePromptScores | null; departure: NativeDeparture | null }>;
  /**
   * Up to `steps` tokens a sequence; ends as soon as one leaves, or when `control[1 + seats]` is raised. `control[1 + seat]` ends a
   * sequence.
   */
  batchAdvance(batch: BatchHandle, steps: number, control: Control, onToken: SeatListener): Promise<NativeDeparture[]>;
}
