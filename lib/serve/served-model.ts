import type { Model } from '../model/model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ApiError, invalid } from './api-error.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

/** A model under the name that clients ask for it by. */
export class ServedModel {
  readonly id: string;
  readonly model: Model;
  readonly tokenizer: Tokenizer;
  readonly scheduler: Scheduler;
  readonly ownedBy: string;
  /** Seconds since 1970. */
  readonly created = Math.floor(Date.now() / 1000);
  readonly #maxContext: number | undefined;

  /** @throws HyperfitError ERR_TOKENIZER for a model without a tokenizer */
  constructor(
    id: string,
    model: Model,
    { maxContext, ownedBy = 'hyperfit', ...options }: SchedulerOptions & { maxContext?: number | undefined; ownedBy?: string },
  ) {
    this.id = id;
    this.model = model;
    this.tokenizer = model.requireTokenizer();
    this.ownedBy = ownedBy;
    this.#maxContext = maxContext;
    this.scheduler = new Scheduler(model, this.tokenizer, options);
  }

  /** Tokens that prompt and continuation may have together. */
  get maxContext(): number {
    return Math.min(this.#maxContext ?? Infinity, this.model.config.maxPositionEmbeddings);
  }

  /** As `/v1/models` lists it. */
  get entry(): { id: string; object: 'model'; created: number; owned_by: string; max_model_len: number } {
    return { id: this.id, object: 'model', created: this.created, owned_by: this.ownedBy, max_model_len: this.maxContext };
  }

  /** @throws ApiError 400 where a prompt and `maxNewTokens` do not fit the context */
  requireFit(promptIds: Int32Array, maxNewTokens: number, param: string): void {
    if (promptIds.length + maxNewTokens <= this.maxContext) return;
    const got = `${promptIds.length} of the prompt and up to ${maxNewTokens} new ones`;
    throw invalid(
      `expected at most ${this.maxContext} tokens in all, the context of ${this.id}, got ${got}; shorten the prompt or lower max_tokens`,
      param,
      'context_length_exceeded',
    );
  }

  /** Ends what is under way and frees the weights. */
  async close(graceMs: number): Promise<void> {
    await this.scheduler.close(graceMs);
    this.model.dispose();
  }
}

/** The models of a server, by name. */
export class ServedModels {
  readonly #models = new Map<string, ServedModel>();

  get list(): readonly ServedModel[] {
    return [...this.#models.values()];
  }

  has(id: string): boolean {
    return this.#models.has(id);
  }

  add(model: ServedModel): void {
    this.#models.set(model.id, model);
  }

  /** @throws ApiError 404 */
  get(id: string): ServedModel {
    const model = this.#models.get(id);
    if (model !== undefined) return model;
    const known = [...this.#models.keys()].join(', ');
    throw new ApiError(404, `expected one of the models of this server (${known}) for \`model\`, got "${id}"`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  /** Ends a model. */
  async remove(id: string, graceMs: number): Promise<void> {
    const model = this.get(id);
    this.#models.delete(id);
    await model.close(graceMs);
  }

  async close(graceMs: number): Promise<void> {
    await Promise.all(this.list.map((model) => model.close(graceMs)));
    this.#models.clear();
  }
}
