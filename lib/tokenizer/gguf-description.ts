import { endIdsOf, readVocabulary, TOKENIZER_PREFIX } from './gguf-vocabulary.ts';
import { listTokens, mergePairs, scoresOfMerges } from './gguf-tokens.ts';
import type { WrittenTokenizer } from './gguf-tokens.ts';
import type { Metadata } from './metadata.ts';
import type { MetadataEntry } from './metadata-entry.ts';
import { entryOf } from './metadata-entry.ts';
import { findRecipe, PROBES } from './recipe-search.ts';
import { refuseTokenizer } from './refuse-tokenizer.ts';
import { findSurroundings } from './surroundings.ts';
import { Tokenizer } from './tokenizer.ts';
import type { TokenizerFiles } from './tokenizer-files.ts';

export interface DescribedModel {
  /** As the model came with it. */
  files: TokenizerFiles | undefined;
  tokenizer: Tokenizer | undefined;
  /** Rows of the embedding. */
  rows: number;
  modelType: string;
  bosTokenId: number | undefined;
  eosTokenIds: readonly number[];
  paddingIndex: number;
  /** For messages. */
  name: string;
}

/** By what name llama.cpp's converter finds the tokenizers of a family; others are tried after these. */
const PREFERRED: Readonly<Record<string, readonly string[]>> = {
  llama: ['llama-bpe', 'smollm', 'deepseek-llm', 'gpt-2'],
  mistral: ['tekken', 'llama-bpe'],
  qwen2: ['qwen2'],
  qwen3: ['qwen2'],
  smollm3: ['llama-bpe'],
  gpt2: ['gpt-2'],
};

/**
 * The tokenizer of a model as GGUF metadata, as llama.cpp's converter writes them: of a GGUF file its own, of a folder byte-level BPE with
 * the name of its way to cut (`gpt2`), or pieces with scores (`llama`). What was written is read again, and must give the same ids.
 * @throws HyperfitError ERR_TOKENIZER for a kind that llama.cpp does not have
 */
export async function describeTokenizer(model: DescribedModel): Promise<{ entries: MetadataEntry[]; notes: string[] }> {
  if (model.files?.kind === 'gguf') return { entries: copyEntries(model.files.metadata), notes: [] };
  const { tokenizer } = model;
  if (tokenizer === undefined)
    return {
      entries: [{ key: `${TOKENIZER_PREFIX}model`, type: 'string', value: 'no_vocab' }],
      notes: ['the model has no tokenizer: programs that run the file can work with ids only'],
    };
  const json = JSON.parse(tokenizer.effectiveJson) as WrittenTokenizer;
  const described = { ...model, tokenizer, json };
  const entries = [...(await describeKind(described)), ...(await describeIds(described)), ...describeTemplate(tokenizer)];
  return { entries: withEnds(entries, model), notes: await checkIds(entries, described) };
}

type Described = DescribedModel & { tokenizer: Tokenizer; json: WrittenTokenizer };

function copyEntries(metadata: Metadata): MetadataEntry[] {
  return [...metadata].filter(([key]) => key.startsWith('tokenizer.')).flatMap(([key, value]) => entryOf(key, value) ?? []);
}

async function describeKind(model: Described): Promise<MetadataEntry[]> {
  const { json, tokenizer, rows, name } = model;
  if (json.model.type !== 'BPE')
    return refuseTokenizer(name, 'a BPE tokenizer, which llama.cpp has,', String(json.model.type), 'save the model with `save` instead');
  const isPieces = json.model.byte_fallback === true;
  const { tokens, types } = listTokens(tokenizer, json, rows, isPieces);
  const list: MetadataEntry[] = [
    { key: `${TOKENIZER_PREFIX}tokens`, type: 'strings', value: tokens },
    { key: `${TOKENIZER_PREFIX}token_type`, type: 'numbers', value: types },
  ];
  const merges = mergePairs(json);
  if (isPieces) {
    return [
      { key: `${TOKENIZER_PREFIX}model`, type: 'string', value: 'llama' },
      { key: `${TOKENIZER_PREFIX}pre`, type: 'string', value: 'default' },
      ...list,
      { key: `${TOKENIZER_PREFIX}scores`, type: 'numbers', value: scoresOfMerges(tokens, types, merges) },
      { key: `${TOKENIZER_PREFIX}add_space_prefix`, type: 'bool', value: putsSpaceFirst(json) },
    ];
  }
  const pre =
    (await findRecipe(json, PREFERRED[model.modelType])) ??
    refuseTokenizer(
      name,
      "a tokenizer that cuts text as one of llama.cpp's does",
      `another way to cut (${JSON.stringify(json.pre_tokenizer).slice(0, 120)})`,
      'save the model with `save` instead',
    );
  return [
    { key: `${TOKENIZER_PREFIX}model`, type: 'string', value: 'gpt2' },
    { key: `${TOKENIZER_PREFIX}pre`, type: 'string', value: pre },
    ...list,
    {
      key: `${TOKENIZER_PREFIX}merges`,
      type: 'strings',
      value: merges.map(([left, right]) => `${left.replaceAll(' ', 'Ġ')} ${right.replaceAll(' ', 'Ġ')}`),
    },
  ];
}

/** One "▁" before a text, by a normalizer or a pre-tokenizer. */
function putsSpaceFirst({ normalizer, pre_tokenizer }: WrittenTokenizer): boolean {
  const parts = [normalizer, ...(normalizer?.normalizers ?? []), pre_tokenizer, ...(pre_tokenizer?.pretokenizers ?? [])] as (
    { type?: string; prepend_scheme?: string; add_prefix_space?: boolean } | null | undefined
  )[];
  return parts.some(
    (part) =>
      part?.type === 'Prepend' ||
      (part?.type === 'Metaspace' &&
        (part.prepend_scheme === undefined ? part.add_prefix_space !== false : part.prepend_scheme !== 'never')),
  );
}

/** Ids by name, and what stands around a text: the tokenizer is asked. */
async function describeIds({ tokenizer, bosTokenId, eosTokenIds, paddingIndex, rows, json }: Described): Promise<MetadataEntry[]> {
  const { start, end } = await findSurroundings(tokenizer);
  const named = tokenizer.namedTokens;
  const idOf = (key: string): number | undefined => idsWithin(named[key] === undefined ? undefined : tokenizer.idOf(named[key]), rows);
  const bos = start[0] ?? idOf('bos_token') ?? bosTokenId;
  const eos = end[0] ?? idOf('eos_token') ?? eosTokenIds[0];
  const ids = {
    bos,
    eos,
    unknown: idOf('unk_token') ?? (json.model.unk_token ? tokenizer.idOf(json.model.unk_token) : undefined),
    padding: idOf('pad_token') ?? (paddingIndex >= 0 ? paddingIndex : undefined),
  };
  return [
    ...Object.entries(ids).flatMap(([key, value]): MetadataEntry[] =>
      value === undefined ? [] : [{ key: `${TOKENIZER_PREFIX}${key}_token_id`, type: 'uint32', value }],
    ),
    { key: `${TOKENIZER_PREFIX}add_bos_token`, type: 'bool', value: start.length > 0 },
    { key: `${TOKENIZER_PREFIX}add_eos_token`, type: 'bool', value: end.length > 0 },
  ];
}

function idsWithin(id: number | undefined, rows: number): number | undefined {
  return id !== undefined && id < rows ? id : undefined;
}

function describeTemplate({ chatTemplate }: Tokenizer): MetadataEntry[] {
  return chatTemplate === undefined ? [] : [{ key: 'tokenizer.chat_template', type: 'string', value: chatTemplate }];
}

export function metadataOf(entries: readonly MetadataEntry[]): Metadata {
  return new Map(entries.map(({ key, value }) => [key, value]));
}

/** Where texts end is found by the tokens' texts too; what of the model's ends is not found so gets a key. */
function withEnds(entries: readonly MetadataEntry[], { eosTokenIds, name, rows }: DescribedModel): MetadataEntry[] {
  const found = endIdsOf(readVocabulary(metadataOf(entries), name));
  const missing = eosTokenIds.filter((id) => id < rows && !found.includes(id));
  return [
    ...entries,
    ...missing
      .slice(0, 2)
      .map((value, index): MetadataEntry => ({ key: `${TOKENIZER_PREFIX}${['eot', 'eom'][index]}_token_id`, type: 'uint32', value })),
  ];
}

/** What was written is read as any file is, and must give the ids of the tokenizer itself. */
async function checkIds(entries: readonly MetadataEntry[], { tokenizer, name, rows }: Described): Promise<string[]> {
  const again = await Tokenizer.fromFiles({ kind: 'gguf', path: name, metadata: metadataOf(entries) });
  for (const text of PROBES) {
    const [expected, got] = [await tokenizer.encode(text), await again.encode(text)];
    if (expected.every((id, at) => got[at] === id) && expected.length === got.length) continue;
    refuseTokenizer(
      name,
      'a tokenizer that GGUF can hold',
      `other ids from its GGUF form for ${JSON.stringify(text.slice(0, 40))}`,
      'save the model with `save` instead',
    );
  }
  return tokenizer.vocabSize > rows
    ? [`the tokenizer has ${tokenizer.vocabSize - rows} tokens more than the embedding has rows, which the file leaves out`]
    : [];
}
