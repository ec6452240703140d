import { join } from 'node:path';
import { DatasetBleu } from '../evaluate/dataset-bleu.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import { rm } from '../file-system.ts';
import { renderConfigJson } from '../model/config-render.ts';
import { initializeModel } from '../model/initialize.ts';
import type { JsonObject } from '../model/json.ts';
import { openModelFiles } from '../model/model-files.ts';
import { Model } from '../model/model.ts';
import { ownForms } from '../model/quantization.ts';
import type { UpdateFactors } from '../run/update-factors.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { isTrained, roundingOf, type RoundedTo, type TrainedWeights, type Weights } from './cell.ts';
import type { Domain } from './domain.ts';
import { Patcher } from './patcher.ts';
import type { StudyFolder } from './study-folder.ts';
import type { StudySetting } from './setting.ts';

/** How far a cell is, in any unit. */
export type OnWork = (what: string, done: number, total: number) => void;

export interface LaboratoryParts {
  setting: StudySetting;
  modelPath: string;
  featureModelPath: string | null;
  /** Of the original model, and so of all that came from it. */
  tokenizer: Tokenizer | undefined;
  folder: StudyFolder;
  domains: readonly Domain[];
  onWork: OnWork;
}

/** What cells work with: models, loaded one at a time, and searchable training sequences, made once. */
export class Laboratory {
  readonly setting: StudySetting;
  readonly folder: StudyFolder;
  readonly onWork: OnWork;
  readonly #parts: LaboratoryParts;
  readonly #overlaps = new Map<string, OverlapIndex>();
  readonly #bleus = new Map<string, DatasetBleu>();
  readonly #patcher = new Patcher(this);
  #loaded: { path: string; model: Model } | undefined;

  constructor(parts: LaboratoryParts) {
    this.#parts = parts;
    this.setting = parts.setting;
    this.folder = parts.folder;
    this.onWork = parts.onWork;
  }

  get tokenizer(): Tokenizer | undefined {
    return this.#parts.tokenizer;
  }

  get originalPath(): string {
    return this.#parts.modelPath;
  }

  domain(name: string): Domain {
    return this.#parts.domains.find((domain) => domain.name === name)!;
  }

  /** A model to measure with; the laboratory keeps it until another is asked for. */
  async model(weights: Weights): Promise<Model> {
    return this.#rounded(await this.#whole(weights), roundingOf(weights));
  }

  async #whole(weights: Weights): Promise<Model> {
    if (!isTrained(weights) || weights.patch === undefined) return this.#keep(this.pathOf(weights));
    const { quantize: _rounding, ...patched } = weights;
    return this.#keep(JSON.stringify(patched), () => this.#patcher.patched(patched, patched.patch!));
  }

  /** Passes of a kept model run on whatever its last user asked for. */
  async #rounded(model: Model, rounding: RoundedTo | undefined): Promise<Model> {
    if (rounding === 'own') await model.setStoredForms(ownForms(await openModelFiles(this.originalPath)));
    else await model.setQuantization(rounding ?? null);
    return model;
  }

  /** What training added, decomposed up to a rank; kept until another training's is asked for. */
  async updateOf(weights: TrainedWeights, ranks: number): Promise<UpdateFactors> {
    this.#dropLoaded();
    return this.#patcher.factorsOf(weights, ranks);
  }

  /** The one that reads texts for MAUVE; kept as the others are. */
  async featureModel(): Promise<Model> {
    return this.#rounded(await this.#keep(this.#parts.featureModelPath!), undefined);
  }

  async #keep(path: string, load: () => Promise<Model> = () => this.load(path)): Promise<Model> {
    if (this.#loaded?.path === path) return this.#loaded.model;
    this.#dropLoaded();
    const model = await load();
    this.#loaded = { path, model };
    return model;
  }

  /** A model of the caller's own, to change and to dispose. */
  async freshModel(start: 'original' | 'random', seed: number): Promise<Model> {
    this.release();
    if (start === 'original') return this.load(this.#parts.modelPath);
    const path = await this.#randomModel(seed);
    try {
      return await this.load(path);
    } finally {
      await rm(path, { recursive: true, force: true });
    }
  }

  async load(path: string): Promise<Model> {
    const { device, computeDtype } = this.setting.config;
    return Model.load(path, { device, computeDtype, quantize: null });
  }

  pathOf(weights: Weights): string {
    return isTrained(weights) ? this.folder.weightsFolder(weights) : this.#parts.modelPath;
  }

  /** The original's shape and tokens with weights drawn anew. */
  async #randomModel(seed: number): Promise<string> {
    const path = join(this.folder.path, 'cells', `random-${seed}`);
    await rm(path, { recursive: true, force: true });
    const config = JSON.parse(renderConfigJson(await openModelFiles(this.originalPath))) as JsonObject;
    await initializeModel(path, config, { seed });
    return path;
  }

  overlaps(domain: string): OverlapIndex {
    const index = this.#overlaps.get(domain) ?? new OverlapIndex(this.domain(domain).train.map(({ ids }) => ids));
    this.#overlaps.set(domain, index);
    return index;
  }

  datasetBleu(domain: string): DatasetBleu {
    const bleu = this.#bleus.get(domain) ?? new DatasetBleu(this.domain(domain).train.map(({ ids }) => ids));
    this.#bleus.set(domain, bleu);
    return bleu;
  }

  /** Lets the kept model and the kept update go. */
  release(): void {
    this.#patcher.release();
    this.#dropLoaded();
  }

  #dropLoaded(): void {
    this.#loaded?.model.dispose();
    this.#loaded = undefined;
  }
}
