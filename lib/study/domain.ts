import type { RunConfig } from '../config/fields.ts';
import { makeManifest } from '../data/manifest.ts';
import type { Context } from '../data/selection.ts';
import type { Sequence } from '../data/sequences.ts';
import { HyperfitError } from '../errors.ts';
import type { ImageFormat } from '../image/image-format.ts';
import { openModelFiles, type ModelFiles } from '../model/model-files.ts';
import type { ModelConfig } from '../addon-types.ts';
import { loadImageData } from '../run/image-data.ts';
import { loadRunData, type RunData } from '../run/run-data.ts';
import { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { StudySetting } from './setting.ts';

/** The sequences of one domain, disjoint. */
export interface Domain {
  name: string;
  train: Sequence[];
  heldOut: Sequence[];
  contexts: Context[];
  /** Of a domain of images. */
  images?: ImageFormat | undefined;
  warnings?: string[] | undefined;
}

/** What study.json keeps of a domain. */
export interface DomainFacts {
  name: string;
  data: string;
  heldOut: string | null;
  train: { sequences: number; sha256: string };
  heldOutSequences: { sequences: number; sha256: string };
  contexts: { contexts: number; sha256: string };
}

/** What the planning of a study needs of a model: its shape and its tokenizer, none of its weights. */
export interface ModelHeader {
  path: string;
  config: ModelConfig;
  tokenizer: Tokenizer | undefined;
  files: Pick<ModelFiles, 'preprocessor' | 'sources'>;
}

export async function openHeader(path: string): Promise<ModelHeader> {
  const files = await openModelFiles(path);
  const { config, tokenizer } = files;
  return { path, config, files, tokenizer: tokenizer === undefined ? undefined : await Tokenizer.fromFiles(tokenizer) };
}

/**
 * Reads every domain of a study.
 * @throws HyperfitError ERR_DATA when one leaves nothing to hold out
 */
export async function loadDomains(setting: StudySetting, header: ModelHeader, areImages: boolean): Promise<Domain[]> {
  const domains: Domain[] = [];
  for (const { name, data, heldOut } of setting.domains) {
    const loaded = await loadOne({ ...setting.config, heldOut, contexts: null }, data, header, areImages);
    if (loaded.heldOut.length === 0 || loaded.contexts.length === 0) {
      throw new HyperfitError(
        'ERR_DATA',
        `expected text beyond the training sequences in domain ${name} (${data}), got ${loaded.heldOut.length} held-out sequences and ${loaded.contexts.length} contexts; lower --samples or give --held-out`,
      );
    }
    domains.push({
      name,
      train: loaded.train,
      heldOut: loaded.heldOut,
      contexts: loaded.contexts.slice(0, setting.config.comparisonContexts),
      images: loaded.images,
      warnings: loaded.warnings,
    });
  }
  return domains;
}

async function loadOne(config: RunConfig, data: string, header: ModelHeader, areImages: boolean): Promise<RunData> {
  return areImages
    ? loadImageData({ ...config, data: null, images: data }, data, header)
    : loadRunData({ ...config, data, images: null }, header, { wholeOnly: true });
}

export function domainFacts(setting: StudySetting, domain: Domain): DomainFacts {
  const { data, heldOut } = setting.domains.find(({ name }) => name === domain.name)!;
  const contexts = domain.contexts.map(({ context, source }) => ({ ids: context, source, offset: 0 }));
  return {
    name: domain.name,
    data,
    heldOut,
    train: { sequences: domain.train.length, sha256: makeManifest(domain.train).sha256 },
    heldOutSequences: { sequences: domain.heldOut.length, sha256: makeManifest(domain.heldOut).sha256 },
    contexts: { contexts: contexts.length, sha256: makeManifest(contexts).sha256 },
  };
}
