import { basename, dirname, join, resolve } from 'node:path';
import { mkdir, open, rename, rm, stat } from '../file-system.ts';
import { makeFolder } from '../folders.ts';
import { onDisk } from '../disk-errors.ts';
import { addon } from '../addon.ts';
import { HyperfitError } from '../errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { renderGgufHeader } from './gguf-header.ts';
import { GGUF_FILE_TYPE_NAMES } from './gguf-mix.ts';
import type { GgufFileType } from './gguf-mix.ts';
import { layoutOf, planGguf, ropeTensor } from './gguf-plan.ts';
import type { GgufPlan } from './gguf-plan.ts';
import { splitParts } from './gguf-split.ts';
import type { GgufPart } from './gguf-split.ts';
import { storedTensors } from './gguf-stored.ts';
import type { StoredTensor } from './gguf-stored.ts';
import { freeBytes } from './free-bytes.ts';
import type { Model } from './model.ts';
import { clearPartialExports, partialExportFolder, signPartialExport } from './partial-export.ts';

/** Of `model.exportGguf`. */
export interface ExportGgufOptions {
  /** Default: the model's `quantization`, or else `Q8_0`. */
  type?: GgufFileType;
  /** Bytes of weights a file may hold; more are split as llama.cpp does. Default: one file. */
  splitMaxSize?: number;
  /** Replaces files that are there, once the new ones are written. Default false. */
  overwrite?: boolean;
  /** `general.name`. Default: the name of the model's folder or file. */
  name?: string;
  /** Ends the work; the promise rejects with its reason. */
  signal?: AbortSignal;
  /** Told how far it is. */
  onProgress?: (progress: ExportProgress) => void;
  /** Called with the first file once all is written, before any of it has its name; what it throws leaves nothing behind. */
  check?: (path: string) => Promise<void>;
}

/** Bytes written so far. */
export interface ExportProgress {
  /** In GGUF. */
  tensor: string;
  /** Written. */
  bytesDone: number;
  /** Size of it all. */
  bytes: number;
}

/** The files that were written. */
export interface ExportedGguf {
  /** One, or the parts in order; the first is the one to load. */
  paths: string[];
  /** Of the file. */
  type: GgufFileType;
  /** Size of it all. */
  bytes: number;
  /** GGML type -> how many tensors and bytes of it. */
  tensorTypes: Record<string, { tensors: number; bytes: number }>;
  /** What is worth knowing of how the model was written. */
  notes: string[];
}

/** Rows are encoded and written in pieces of about so many numbers: 16 MB of float32. */
const PIECE_ELEMENTS = 1 << 22;
const MEGABYTE = 1e6;

/**
 * Writes `model` as GGUF for llama.cpp, Ollama, LM Studio and whatever else reads it. Tensor after tensor is encoded and written, so that
 * little memory is needed; the file gets its name once it is whole.
 * @throws HyperfitError ERR_CONFIG for wrong options; ERR_UNSUPPORTED_MODEL and ERR_TOKENIZER for what llama.cpp does not have;
 * ERR_CHECKPOINT for files that are there, for a full disk and for the model's own files; ERR_NOT_FINITE; `signal.reason`
 */
export async function exportGguf(model: Model, path: string, options: ExportGgufOptions = {}): Promise<ExportedGguf> {
  const { type = model.quantization ?? 'Q8_0', splitMaxSize, overwrite = false, name = titleOf(model), signal } = options;
  checkOptions(path, type, splitMaxSize);
  signal?.throwIfAborted();
  const plan = await planGguf(model.config, describedModel(model), type, name);
  const parts = splitParts<Source>(resolve(path), plan.entries, listSources(plan), splitMaxSize);
  await checkTargets(model, parts, overwrite);
  const bytes = parts.reduce((sum, part) => sum + headerOf(part).fileBytes, 0);
  await makeFolder(dirname(resolve(path))).catch(refuseWriting(path));
  await clearPartialExports(parts[0]!.path);
  await requireRoom(dirname(resolve(path)), bytes);
  await onDisk('an export', dirname(resolve(path)), () => writeParts(model, parts, progressOf(options, parts), options));
  return { paths: parts.map((part) => part.path), type, bytes, tensorTypes: countTypes(parts), notes: plan.notes };
}

/** Bytes that a file of this type would have, tokenizer and header left out. */
export function weightBytesOf({ config }: Model, type: GgufFileType): number {
  const layout = layoutOf(config);
  return storedTensors(config, layout, type, 1).reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** A tensor of a file: a parameter in its stored form, or numbers as they are. */
type Source = { name: string; shape: readonly number[]; type: string; byteLength: number } & (
  { stored: StoredTensor } | { numbers: Float32Array }
);

function listSources({ tensors, ropeDivisors }: GgufPlan): Source[] {
  const rope = ropeDivisors === undefined ? [] : [{ ...ropeTensor(ropeDivisors), numbers: ropeDivisors }];
  return [
    ...rope,
    ...tensors.map((stored) => ({ name: stored.name, shape: stored.shape, type: stored.form.type, byteLength: stored.byteLength, stored })),
  ];
}

function describedModel({ files, tokenizer, config }: Model): Parameters<typeof planGguf>[1] {
  const { bosTokenId, eosTokenIds, path } = files;
  return {
    files: files.tokenizer,
    tokenizer,
    rows: config.vocabSize,
    modelType: config.modelType,
    bosTokenId,
    eosTokenIds,
    paddingIndex: config.paddingIndex,
    name: path,
  };
}

function titleOf({ path }: Model): string {
  return basename(path).replace(/\.gguf$/i, '');
}

function checkOptions(path: string, type: string, splitMaxSize: number | undefined): void {
  const problem = !/[^/\\]\.gguf$/i.test(path)
    ? `a path that ends in .gguf for \`path\`, got ${JSON.stringify(path)}; add the ending`
    : !(GGUF_FILE_TYPE_NAMES as string[]).includes(type)
      ? `one of ${GGUF_FILE_TYPE_NAMES.join(', ')} for \`type\`, got ${JSON.stringify(type)}; choose one of them`
      : splitMaxSize !== undefined && !(Number.isSafeInteger(splitMaxSize) && splitMaxSize >= MEGABYTE / 1000)
        ? `bytes, at least 1000, for \`splitMaxSize\`, got ${String(splitMaxSize)}; leave it out for one file`
        : undefined;
  if (problem !== undefined) throw new HyperfitError('ERR_CONFIG', `expected ${problem}`);
}

async function checkTargets(model: Model, parts: readonly GgufPart<Source>[], overwrite: boolean): Promise<void> {
  const own = new Set(model.files.sources.map(({ path }) => resolve(path)));
  for (const { path } of parts) {
    const status = await stat(path).catch(() => undefined);
    if (status === undefined) continue;
    if (own.has(path))
      throw new HyperfitError(
        'ERR_CHECKPOINT',
        `expected a path to export to, got ${path}, from which this model was loaded; export to another file`,
      );
    if (!status.isFile())
      throw new HyperfitError('ERR_CHECKPOINT', `expected a path to export to, got ${path}, which is no file; choose another name`);
    if (!overwrite)
      throw new HyperfitError(
        'ERR_CHECKPOINT',
        `expected a path to export to, got ${path}, which is there already; choose another name, or pass \`overwrite\` to replace it`,
      );
  }
}

async function requireRoom(folder: string, bytes: number): Promise<void> {
  const available = await freeBytes(folder);
  if (available === undefined || available >= bytes) return;
  throw new HyperfitError(
    'ERR_CHECKPOINT',
    `expected ${Math.ceil(bytes / MEGABYTE)} MB free in ${folder}, got ${Math.floor(available / MEGABYTE)} MB; free some space, or choose a smaller \`type\``,
  );
}

const headerOf = ({ entries, tensors }: GgufPart<Source>): ReturnType<typeof renderGgufHeader> => renderGgufHeader(entries, tensors);

type Report = (tensor: string, bytes: number) => void;

function progressOf({ onProgress }: ExportGgufOptions, parts: readonly GgufPart<Source>[]): Report {
  const bytes = parts.flatMap(({ tensors }) => tensors).reduce((sum, { byteLength }) => sum + byteLength, 0);
  let bytesDone = 0;
  return (tensor, written) => onProgress?.({ tensor, bytesDone: (bytesDone += written), bytes });
}

/** All parts into a folder of their own beside, then into their places; the first part, which is the one to load, comes last. */
async function writeParts(
  model: Model,
  parts: readonly GgufPart<Source>[],
  report: Report,
  { signal, check }: ExportGgufOptions,
): Promise<void> {
  const folder = partialExportFolder(parts[0]!.path);
  const partialOf = (path: string): string => join(folder, basename(path));
  try {
    await mkdir(folder).catch(refuseWriting(folder));
    await signPartialExport(folder);
    for (const part of parts) await writePart(partialOf(part.path), part, model, report, signal);
    await check?.(partialOf(parts[0]!.path));
    // Of old parts and new ones together nobody should load a model: without its first part there is none.
    if (parts.length > 1) await rm(parts[0]!.path, { force: true });
    for (const { path } of parts.toReversed()) await rename(partialOf(path), path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refuseWriting(path: string): (cause: Error) => never {
  return (cause) => {
    throw new HyperfitError('ERR_CHECKPOINT', `expected to write ${path}, got: ${cause.message}; choose another folder`, { cause });
  };
}

async function writePart(
  path: string,
  part: GgufPart<Source>,
  model: Model,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { header, offsets, fileBytes } = headerOf(part);
  const file = await open(path, 'wx').catch(refuseWriting(path));
  try {
    await file.truncate(fileBytes);
    await file.write(header, 0, header.length, 0);
    for (const [index, source] of part.tensors.entries()) {
      if ('numbers' in source) {
        await file.write(Buffer.from(source.numbers.buffer), 0, source.byteLength, offsets[index]);
        continue;
      }
      const tensor = await model.heldParameter(source.stored.parameter);
      await writeTensor(path, offsets[index]!, source.stored, tensor, report, signal).finally(() => tensor.dispose());
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Piece after piece, so that it can be cancelled, and so that no copy of a large tensor is made. */
async function writeTensor(
  path: string,
  offset: number,
  { name, shape, form, byteLength }: StoredTensor,
  tensor: Tensor,
  report: Report,
  signal: AbortSignal | undefined,
): Promise<void> {
  const [rows, columns] = shape.length < 2 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
  const piece = Math.max(1, Math.floor(PIECE_ELEMENTS / Math.max(columns, 1)));
  for (let begin = 0; begin < rows; begin += piece) {
    signal?.throwIfAborted();
    const end = Math.min(begin + piece, rows);
    await addon().tensorWriteRows(path, offset + (byteLength / rows) * begin, name, tensor.handle, form, begin, end);
    report(name, (byteLength / rows) * (end - begin));
  }
}

function countTypes(parts: readonly GgufPart<Source>[]): ExportedGguf['tensorTypes'] {
  const counts: ExportedGguf['tensorTypes'] = {};
  for (const { type, byteLength } of parts.flatMap(({ tensors }) => tensors)) {
    const { tensors, bytes } = counts[type] ?? { tensors: 0, bytes: 0 };
    counts[type] = { tensors: tensors + 1, bytes: bytes + byteLength };
  }
  return counts;
}
