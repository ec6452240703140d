/** One continuation. */
export interface Generation {
  /** The context as it was read, special tokens included. */
  promptIds: Int32Array;
  /** The continuation without the context; ends with the stop id when one was met. */
  ids: Int32Array;
  /** The continuation as text without special tokens; undefined for a model without a tokenizer. */
  text?: string;
  /**
   * `stop`: a stop id or a stop string; `length`: maxNewTokens; `banned`: every token was forbidden, so nothing could
   * follow; `cancelled`: the reader of a stream left.
   */
  finishReason: 'stop' | 'length' | 'banned' | 'cancelled';
  /** Steps at which the citation blocker forbade the token that ranked first. */
  interventions: number;
  /** ln p of each token under the model's own distribution, before penalties, bans and temperature; with `tokenStats`. */
  logProbs?: Float32Array;
  /** Entropy (nats) of that distribution at each token; with `tokenStats`. */
  entropies?: Float32Array;
}

/** One token of a stream; `text` is what became readable with it: an unfinished character waits for its rest, and one that never gets it is left out. */
export interface TokenEvent {
  id: number;
  text: string;
  /** ln p as in Generation; NaN unless `tokenStats` was asked for. */
  logProb: number;
}
