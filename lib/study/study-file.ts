import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { addon } from '../addon.ts';
import { hashFile } from '../checkpoint/manifest.ts';
import type { RunConfig } from '../config/fields.ts';
import { readdir, stat } from '../file-system.ts';
import { packageVersion } from '../libtorch/package-root.ts';
import type { DomainFacts } from './domain.ts';
import type { Findings } from './findings.ts';
import { ownName, type OwnName } from './own.ts';
import type { StudySetting } from './setting.ts';
import type { Study } from './study.ts';

/** study.json: what was asked, with what, and what came out. */
export interface StudyFile {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** Id of the study. */
  study: string;
  /** Shown above it. */
  title: string;
  /** In a sentence. */
  question: string;
  /** ISO 8601. */
  startedAt: string;
  /** The local time that chat templates saw, where one of them wrote it; a study that is taken up again goes on with it. */
  chatDate?: string;
  /** Null until every cell is finished. */
  finishedAt: string | null;
  /** Of what it ran on. */
  versions: { hyperfit: string; node: string; torch: string };
  /** On which it ran. */
  machine: { platform: string; processor: string; cores: number; memoryGiB: number; device: string; threads: number };
  /** With hashes of its files. */
  model: { path: string; type: string; files: Record<string, string> };
  /** Texts, with hashes. */
  domains: DomainFacts[];
  /** One training each. */
  seeds: number[];
  /** Its settings, complete. */
  settings: Omit<StudySetting, 'config' | 'domains' | 'model' | 'out' | 'metrics' | 'writers'> & {
    config: RunConfig;
    metrics?: OwnName[];
    writers?: OwnName[];
  };
  /** Its pieces of work. */
  cells: { id: string; kind: string; hash: string; file: string; seconds: number | null }[];
  /** What it found; null before the end. */
  findings: Findings | null;
}

export function describeStudy(
  study: Study,
  setting: StudySetting,
  domains: DomainFacts[],
  model: StudyFile['model'],
): Omit<StudyFile, 'cells' | 'findings' | 'finishedAt'> {
  const { config, domains: _domains, model: _model, out: _out, metrics, writers, ...settings } = setting;
  const own = {
    ...(metrics.length > 0 && { metrics: metrics.map(ownName) }),
    ...(writers.length > 0 && { writers: writers.map(ownName) }),
  };
  const { torchVersion, numThreads } = addon().libraryInfo();
  return {
    schemaVersion: 1,
    study: study.name,
    title: study.title,
    question: study.question,
    startedAt: new Date().toISOString(),
    versions: { hyperfit: packageVersion(), node: process.version, torch: torchVersion },
    machine: {
      platform: `${process.platform}-${process.arch}`,
      processor: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      device: config.device,
      threads: numThreads,
    },
    model,
    domains,
    seeds: setting.seeds,
    settings: { ...settings, ...own, config },
  };
}

/** SHA-256 of each weight file, by name. */
export async function hashModel(path: string): Promise<Record<string, string>> {
  const isFolder = (await stat(path)).isDirectory();
  const names = isFolder
    ? (await readdir(path)).filter((name) => /\.(safetensors|json)$/.test(name) && name !== 'optimizer.safetensors')
    : [''];
  const hashes: Record<string, string> = {};
  for (const name of names.sort()) hashes[name === '' ? path : name] = await hashFile(join(path, name));
  return hashes;
}
