import { join } from 'node:path';
import { z } from 'zod';
import { addon } from '../addon.ts';
import type { ModelConfig } from '../addon-types.ts';
import { hashFile } from '../checkpoint/manifest.ts';
import { given } from '../config/given.ts';
import type { NormalizedConfig } from '../config/normalize.ts';
import type { DataSummary } from '../data/data-summary.ts';
import { makeManifest, type DataManifest } from '../data/manifest.ts';
import type { Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import { readdir, stat } from '../file-system.ts';
import { packageVersion } from '../libtorch/package-root.ts';
import { presentChatDate, writeChatDate } from '../tokenizer/chat-date.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Change } from '../train/beginning.ts';
import { readRunJson, writeJson, type RunFolder } from './run-folder.ts';
import type { TrainingExample } from './training-examples.ts';

/** What run.json says: enough to tell what was done, with what, and to do it again. */
export interface RunFile {
  schemaVersion: 1;
  createdAt: string;
  /** The local time that chat templates saw, where one of them wrote it; a resumed run goes on with it. */
  chatDate?: string;
  versions: { hyperfit: string; node: string; torch: string; platform: string };
  config: NormalizedConfig['config'];
  sources: NormalizedConfig['sources'];
  model: { path: string; config: ModelConfig; files: Record<string, string> };
  /** What trained; and of text, what it was taken from, and what was left out. */
  data: DataManifest & { summary?: DataSummary };
  /** The first training sequences as text; missing in runs on images. */
  examples?: TrainingExample[];
  warnings: string[];
  /** The steps at which the run was taken up again. */
  resumedAtSteps: number[];
  /** What was changed when it was taken up, with `allowChanges`: the step gone on from, and each setting or property of the data. */
  changes?: (Change & { step: number })[];
}

export interface RunFileParts {
  normalized: NormalizedConfig;
  model: { path: string; config: ModelConfig; tokenizer?: Pick<Tokenizer, 'chatDate' | 'chatReadsClock'> | undefined };
  train: readonly Sequence[];
  summary: DataSummary | undefined;
  examples: TrainingExample[] | undefined;
  warnings: string[];
  /** The step of the checkpoint gone on from. */
  resumedAt: number | undefined;
  /** What a resumed run was allowed to change. */
  changes?: readonly Change[];
}

/** Writes run.json before the first step; a resumed run keeps its birth and its original model. */
export async function writeRunFile(
  folder: RunFolder,
  { normalized, model, train, summary, examples, warnings, resumedAt, changes = [] }: RunFileParts,
): Promise<RunFile> {
  const earlier = resumedAt === undefined ? undefined : savedRunFile(folder);
  const file: RunFile = {
    schemaVersion: 1,
    createdAt: earlier?.createdAt ?? new Date().toISOString(),
    ...given({ chatDate: earlier?.chatDate ?? readChatDate(model.tokenizer) }),
    versions: {
      hyperfit: packageVersion(),
      node: process.version,
      torch: addon().libraryInfo().torchVersion,
      platform: `${process.platform}-${process.arch}`,
    },
    config: { ...normalized.config, out: folder.path, resume: false, allowChanges: false },
    sources: normalized.sources,
    model: earlier?.model ?? { path: model.path, config: model.config, files: await hashWeights(model.path) },
    data: { ...makeManifest(train), ...given({ summary }) },
    ...given({ examples }),
    warnings,
    resumedAtSteps: [...(earlier?.resumedAtSteps ?? []), ...(resumedAt === undefined ? [] : [resumedAt])],
    ...given({ changes: allChanges(earlier, resumedAt ?? 0, changes) }),
  };
  await writeJson(folder.runFile, file);
  return file;
}

function allChanges(earlier: RunFile | undefined, step: number, changes: readonly Change[]): RunFile['changes'] | undefined {
  const all = [...(earlier?.changes ?? []), ...changes.map((change) => ({ step, ...change }))];
  return all.length === 0 ? undefined : all;
}

/** Nothing is kept of a run whose template never asked. */
function readChatDate(tokenizer: RunFileParts['model']['tokenizer']): string | undefined {
  return tokenizer?.chatReadsClock === true && tokenizer.chatDate !== undefined ? writeChatDate(tokenizer.chatDate) : undefined;
}

/** The time for chat templates: that of the run's beginning, so that its data stay the same when it goes on another day. */
export function chatDateOf(folder: RunFolder, isResumed: boolean): Date {
  if (!isResumed) return presentChatDate();
  const { chatDate, createdAt } = savedRunFile(folder);
  return new Date(chatDate ?? createdAt);
}

/** SHA-256 of each weight file of a model's folder, or of the one file. */
export async function hashWeights(path: string): Promise<Record<string, string>> {
  const names = (await stat(path)).isDirectory()
    ? (await readdir(path)).filter((name) => name.endsWith('.safetensors') && name !== 'optimizer.safetensors')
    : [''];
  const hashes: Record<string, string> = {};
  for (const name of names.sort()) hashes[name === '' ? path : name] = await hashFile(join(path, name));
  return hashes;
}

const shape = z.looseObject({
  schemaVersion: z.literal(1),
  createdAt: z.string(),
  config: z.record(z.string(), z.unknown()),
  model: z.looseObject({ path: z.string() }),
  data: z.looseObject({ samples: z.array(z.looseObject({})) }),
  resumedAtSteps: z.array(z.number()),
});

/**
 * The run.json of a run.
 * @throws HyperfitError ERR_CHECKPOINT when it is missing or of another make
 */
export function savedRunFile(folder: RunFolder): RunFile {
  const value = readRunJson(folder.runFile);
  if (!shape.safeParse(value).success) {
    throw new HyperfitError(
      'ERR_CHECKPOINT',
      `expected settings, versions and data in ${folder.runFile}, got something else; give the folder of a run`,
    );
  }
  return value as RunFile;
}
