import { dirname } from 'node:path';
import { given } from '../config/given.ts';
import { onDisk } from '../disk-errors.ts';
import { HyperfitError } from '../errors.ts';
import type { OverlapIndex } from '../evaluate/overlap.ts';
import { weightBytesOf } from '../model/export-gguf.ts';
import type { ExportedGguf, ExportGgufOptions } from '../model/export-gguf.ts';
import { GGUF_FILE_TYPE_NAMES } from '../model/gguf-mix.ts';
import type { GgufFileType } from '../model/gguf-mix.ts';
import { Model } from '../model/model.ts';
import { openModelFiles } from '../model/model-files.ts';
import { clearPartialExports } from '../model/partial-export.ts';
import type { ModelFiles } from '../model/model-files.ts';
import { besidePaths, requireFree, writeCard, writeModelfile } from './export-beside.ts';
import { gateOfUpdate, measureGate, measureText } from './export-gate.ts';
import type { GateFigures, GateResult, GateText } from './export-gate.ts';
import { measureUpdateShare } from './update-share.ts';

/** What happens to a file that fails: it is kept with a warning, it is refused, or nobody looks. */
export type GateMode = 'warn' | 'refuse' | 'off';

/** Of `exportModel`. */
export interface ExportOptions extends Omit<ExportGgufOptions, 'type' | 'check'> {
  /** `auto` is the smallest that passes the gate. A model that was trained for a type is written as that, by `auto` too. Default `Q8_0`. */
  type?: GgufFileType | 'auto';
  /** What is done where the weights as written no longer write as the model does. Default `warn`. */
  gate?: GateMode;
  /** Held-out beginnings that the gate continues. Without any, nothing is decoded. */
  contexts?: readonly Int32Array[];
  /** Tokens of a continuation. Default 96. */
  maxNewTokens?: number;
  /** Of the training text, for the longest quotation. */
  overlapIndex?: OverlapIndex;
  /** Path of the model that training began from, for what survives of the update. */
  base?: string;
  /** Greedy figures of that model, where they are known. */
  baseFigures?: GateFigures;
  /** Whether a Modelfile for Ollama is written beside. Default true. */
  modelfile?: boolean;
  /** Whether a model card is written beside, as `<name>.README.md`. Default true. */
  card?: boolean;
  /** Hears what is going on: the type that is tried, the gate. */
  onStage?: (stage: string) => void;
}

/** What was written, and what the gate said of it. */
export interface ExportResult extends ExportedGguf {
  /** Null where none was asked for. */
  gate: GateResult | null;
  /** Types that were tried before and did not pass. */
  tried: { type: GgufFileType; problems: string[] }[];
  /** Path of the Modelfile; null where none was asked for. */
  modelfile: string | null;
  /** Path of the model card; null where none was asked for. */
  card: string | null;
  /** What is worth knowing. */
  warnings: string[];
}

/**
 * Writes a model as GGUF with a Modelfile for Ollama and a model card beside it. Before the file gets its name, the gate decodes from it
 * and compares variety, repetition and quotations with the model's own (docs/export.md).
 * @throws HyperfitError ERR_CONFIG where the gate refuses, and where `auto` or `refuse` have no contexts; ERR_UNSUPPORTED_MODEL and
 *   ERR_TOKENIZER for what llama.cpp does not have; ERR_CHECKPOINT for files that are there, and for a full disk; ERR_NOT_FINITE;
 *   `signal.reason`
 *
 * @example
 * const { paths, type, gate } = await exportModel(model, 'novel.gguf', {
 *   type: 'auto', // the smallest that passes
 *   contexts: contexts.map(({ context }) => context),
 * });
 * console.log(paths[0], type, gate?.problems);
 */
export async function exportModel(model: Model, path: string, options: ExportOptions = {}): Promise<ExportResult> {
  const { gate = 'warn', contexts = [], overwrite = false } = options;
  const type = chooseType(model, options);
  if ((type === 'auto' || gate === 'refuse') && contexts.length === 0) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected contexts for ${type === 'auto' ? '`type` auto' : '`gate` refuse'}, got none; give \`contexts\`, beginnings of text that was not trained on`,
    );
  }
  if (type === 'auto' && gate === 'off')
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected `gate` warn or refuse beside `type` auto, got off: auto is the smallest type that passes it; name a type',
    );
  const beside = besidePaths(path, options);
  if (!overwrite) await requireFree(beside);
  for (const each of [beside.modelfile, beside.card]) if (each !== undefined) await clearPartialExports(each);
  const exporter = await Exporter.open(model, path, options);
  const exported = type === 'auto' ? await exporter.smallest() : await exporter.write(type, gate === 'refuse');
  const [written, card] = await onDisk(
    'what stands beside an export',
    dirname(path),
    async () => [await writeModelfile(model, exported, beside.modelfile), await writeCard(model, exported, beside.card)] as const,
  );
  return {
    ...exported,
    tried: exporter.tried,
    modelfile: written.path,
    card,
    warnings: [...exporter.warningsOf(exported), ...written.notes],
  };
}

function chooseType({ quantization }: Model, { type }: ExportOptions): GgufFileType | 'auto' {
  return quantization !== null && (type === undefined || type === 'auto') ? quantization : (type ?? 'Q8_0');
}

/** Halves are a grid too, fine enough to be worth a word only where something is lost. */
const MOSTLY_KEPT = 0.95;

type Written = ExportedGguf & { gate: GateResult | null };

class RefusedByGate extends HyperfitError {
  readonly problems: string[];

  constructor(type: string, problems: string[]) {
    super(
      'ERR_CONFIG',
      `expected a ${type} file that writes as the model does, got one of which ${problems.join('; ')}; choose a larger \`type\`, or pass \`gate\` warn`,
    );
    this.problems = problems;
  }
}

class Exporter {
  readonly tried: ExportResult['tried'] = [];
  private readonly model: Model;
  private readonly path: string;
  private readonly options: ExportOptions;
  private readonly base: ModelFiles | undefined;
  private text: GateText | undefined;

  private constructor(model: Model, path: string, options: ExportOptions, base: ModelFiles | undefined) {
    this.model = model;
    this.path = path;
    this.options = options;
    this.base = base;
  }

  static async open(model: Model, path: string, options: ExportOptions): Promise<Exporter> {
    return new Exporter(model, path, options, options.base === undefined ? undefined : await openBase(options.base, model));
  }

  /** From the smallest type on, until one passes. */
  async smallest(): Promise<Written> {
    const types = GGUF_FILE_TYPE_NAMES.map((type) => ({ type, bytes: weightBytesOf(this.model, type) })).toSorted(
      (a, b) => a.bytes - b.bytes,
    );
    for (const { type } of types) {
      this.options.onStage?.(`trying ${type}`);
      try {
        return await this.write(type, true);
      } catch (error) {
        if (!(error instanceof RefusedByGate)) throw error;
        this.tried.push({ type, problems: error.problems });
      }
    }
    throw new HyperfitError(
      'ERR_CONFIG',
      'expected a type that passes the gate, got none, F32 among them; give more contexts, or name a type',
    );
  }

  async write(type: GgufFileType, refuses: boolean): Promise<Written> {
    let gate: GateResult | null = null;
    const check = async (written: string): Promise<void> => {
      gate = await this.examine(written, type);
      if (refuses && gate !== null && gate.problems.length > 0) throw new RefusedByGate(type, gate.problems);
    };
    const { splitMaxSize, overwrite, name, signal, onProgress } = this.options;
    const exported = await this.model.exportGguf(this.path, {
      type,
      check,
      ...given({ splitMaxSize, overwrite, name, signal, onProgress }),
    });
    return { ...exported, gate };
  }

  /** What survives of the update is measured even where the gate is off: nobody goes back onto the base's grid unawares. */
  private async examine(written: string, type: GgufFileType): Promise<GateResult | null> {
    const { gate = 'warn', contexts = [], maxNewTokens = 96, overlapIndex, baseFigures, signal } = this.options;
    const files = await openModelFiles(written);
    const update = this.base === undefined ? undefined : await measureUpdateShare(this.model, files.sources, this.base, signal);
    const isDecoded = gate !== 'off' && contexts.length > 0;
    if (!isDecoded && update === undefined) return null;
    const options = { contexts: isDecoded ? contexts : [], maxNewTokens, overlapIndex, update, base: baseFigures, signal };
    if (!isDecoded) return gateOfUpdate(update!, maxNewTokens);
    this.options.onStage?.(`decoding from ${type} on ${contexts.length} contexts`);
    this.text ??= await measureText(this.model, options);
    const exported = await Model.load(written, given({ signal, device: this.model.device, computeDtype: this.model.computeDtype }));
    try {
      return await measureGate(this.model, exported, this.text, options);
    } finally {
      exported.dispose();
    }
  }

  warningsOf({ type, tensorTypes, gate, notes }: Written): string[] {
    const kept = gate?.update?.kept;
    const grids = (gate?.update?.grids ?? []).filter((grid) => grid in tensorTypes && (grid.startsWith('Q') || (kept ?? 1) < MOSTLY_KEPT));
    const { quantization } = this.model;
    return [
      ...notes,
      ...(quantization === null || quantization === type
        ? []
        : [
            `the model was trained for ${quantization}: a ${type} file holds other weights than those it was trained and certified on; leave \`type\` out for a ${quantization} file`,
          ]),
      ...(grids.length === 0 || kept === null || kept === undefined
        ? []
        : [
            `the base model came from a grid of the same type (${grids.join(', ')}): small changes fall back to where they began, and ${(100 * kept).toFixed(1)} % of the update survives`,
          ]),
      ...lostWarning(gate),
      ...(gate === null || gate.problems.length === 0
        ? []
        : [`the ${type} file does not write as the model does: ${gate.problems.join('; ')}; choose a larger type`]),
    ];
  }
}

/** A file of one type holds matrices of several, and each of them may lie on the base's grid. */
function lostWarning(gate: GateResult | null): string[] {
  const { lost, worst, grids = [] } = gate?.update ?? {};
  if (lost === undefined || lost.matrices === 0 || worst === undefined || worst === null || !grids.some((grid) => grid.startsWith('Q')))
    return [];
  const count = `${lost.matrices} of ${lost.of} matrices`;
  return [
    `the base model came from a grid (${grids.filter((grid) => grid.startsWith('Q')).join(', ')}) close to that of ${count}: there less than half of the update survives, least in ${worst.parameter} (${(100 * worst.kept).toFixed(1)} %)`,
  ];
}

/** @throws HyperfitError ERR_CONFIG for another model than the one that training began from */
async function openBase(path: string, model: Model): Promise<ModelFiles> {
  const files = await openModelFiles(path);
  const shapeOf = ({ config }: Pick<Model, 'config'>): string =>
    JSON.stringify([config.modelType, config.hiddenSize, config.numHiddenLayers, config.intermediateSize, config.vocabSize]);
  if (shapeOf(files) === shapeOf(model)) return files;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected the model that training began from for \`base\`, got ${path}, which has another shape; give the path that \`train\` was given`,
  );
}
