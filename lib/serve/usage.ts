/** How many tokens a request has cost. */
export class Usage {
  readonly #promptTokens: number;
  #completionTokens = 0;

  /** A prompt counts once, however many choices it has. */
  constructor(prompts: readonly ArrayLike<number>[]) {
    this.#promptTokens = prompts.reduce((sum, { length }) => sum + length, 0);
  }

  add(tokens: number): void {
    this.#completionTokens += tokens;
  }

  toJSON(): { prompt_tokens: number; completion_tokens: number; total_tokens: number } {
    return {
      prompt_tokens: this.#promptTokens,
      completion_tokens: this.#completionTokens,
      total_tokens: this.#promptTokens + this.#completionTokens,
    };
  }
}
