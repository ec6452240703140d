import type { Model } from '../model/model.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { ApiError, invalid } from './api-error.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';

export interface ModelEntry {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
  /** Tokens of the context; absent of a model that has not been asked for yet. */
  max_model_len?: number;
}

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
  get entry(): ModelEntry {
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

/** A model that is loaded when somebody asks for it. */
export interface LazyModel {
  id: string;
  created: number;
  load: () => Promise<ServedModel>;
}

/** The models of a server, by name. */
export class ServedModels {
  readonly #models = new Map<string, ServedModel>();
  readonly #lazy = new Map<string, LazyModel>();
  readonly #loading = new Map<string, Promise<ServedModel>>();

  /** Those that are in memory. */
  get loaded(): readonly ServedModel[] {
    return [...this.#models.values()];
  }

  /** As `/v1/models` lists them. */
  get entries(): readonly ModelEntry[] {
    const lazy = [...this.#lazy.values()].filter(({ id }) => !this.#models.has(id));
    const entries = lazy.map(({ id, created }) => ({ id, object: 'model' as const, created, owned_by: 'user' }));
    return [...this.loaded.map(({ entry }) => entry), ...entries];
  }

  has(id: string): boolean {
    return this.#models.has(id) || this.#lazy.has(id);
  }

  add(model: ServedModel): void {
    this.#models.set(model.id, model);
  }

  addLazy(model: LazyModel): void {
    this.#lazy.set(model.id, model);
  }

  /** @throws ApiError 404 */
  entry(id: string): ModelEntry {
    const entry = this.entries.find((each) => each.id === id);
    if (entry !== undefined) return entry;
    const known = this.entries.map((each) => each.id).join(', ');
    throw new ApiError(404, `expected one of the models of this server (${known}) for \`model\`, got "${id}"`, {
      param: 'model',
      code: 'model_not_found',
    });
  }

  /** @throws ApiError 404; HyperfitError as Model.load */
  async get(id: string): Promise<ServedModel> {
    this.entry(id);
    return this.#models.get(id) ?? (await this.#load(this.#lazy.get(id)!));
  }

  async close(graceMs: number): Promise<void> {
    await Promise.all(this.#loading.values());
    await Promise.all(this.loaded.map((model) => model.close(graceMs)));
    this.#models.clear();
  }

  /** Once, however many ask. */
  async #load({ id, load }: LazyModel): Promise<ServedModel> {
    const loading = this.#loading.get(id) ?? load().finally(() => this.#loading.delete(id));
    this.#loading.set(id, loading);
    const model = await loading;
    this.#models.set(id, model);
    return model;
  }
}
