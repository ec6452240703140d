/** One continuation. */
export interface Generation {
  /** The context as it was read, special tokens included. */
  promptIds: Int32Array;
  /** The continuation without the context; ends with the stop id when one was met. */
  ids: Int32Array;
  /**
   * What the continuation adds to the text of the context, without special tokens: both decoded together, so that a first word keeps its
   * space. Undefined for a model without a tokenizer.
   */
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

/**
 * One token of a stream; `text` is what became readable with it. An unfinished character, and what may be the beginning of a stop string,
 * wait for the next token; the last one has all that is left.
 */
export interface TokenEvent {
  /** Of the token. */
  id: number;
  /** As text. */
  text: string;
  /** ln p as in Generation; NaN unless `tokenStats` was asked for. */
  logProb: number;
}
