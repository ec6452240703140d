import { HyperfitError } from '../errors.ts';
import type { ModelConfig, TensorSource } from '../addon-types.ts';
import { clip } from './render.ts';

/** What wrappers of a model put into its names; the segment says which. */
const WRAPPERS: Readonly<Record<string, string>> = {
  _orig_mod: 'torch.compile',
  _fsdp_wrapped_module: 'FSDP',
  _checkpoint_wrapped_module: 'activation checkpointing',
};
const IMAGE_MODEL_PREFIXES = [
  ['language_model.model.', 'model.'],
  ['model.language_model.', 'model.'],
  ['language_model.lm_head.', 'lm_head.'],
] as const;
const BARE_ROOTS = { fused: ['wte', 'wpe', 'h', 'ln_f'], separate: ['embed_tokens', 'layers', 'norm'] } as const;
const OUTER = { fused: 'transformer.', separate: 'model.' } as const;

type Passed = readonly [what: string, fits: (name: string, config: ModelConfig) => boolean];

/** What a causal language model does without. */
const PASSED_OVER: readonly Passed[] = [
  [
    'buffers of old versions',
    (name, { weightLayout }) =>
      weightLayout === 'fused'
        ? endsWithAny(name, '.attn.bias', '.attn.masked_bias')
        : endsWithAny(name, 'rotary_emb.inv_freq', 'rotary_emb.cos_cached', 'rotary_emb.sin_cached'),
  ],
  [
    'a head for values, rewards or classes',
    (name) =>
      startsWithAny(
        name,
        'v_head.',
        'value_head.',
        'reward_head.',
        'regression_head.',
        'score.',
        'classifier.',
        'multiple_choice_head.',
        'qa_outputs.',
      ),
  ],
  [
    'the half that sees images',
    (name, { weightLayout }) =>
      weightLayout === 'separate' &&
      startsWithAny(name, 'vision_tower.', 'multi_modal_projector.', 'model.vision_tower.', 'model.multi_modal_projector.'),
  ],
];

function endsWithAny(name: string, ...ends: string[]): boolean {
  return ends.some((end) => name.endsWith(end));
}

function startsWithAny(name: string, ...starts: string[]): boolean {
  return starts.some((start) => name.startsWith(start));
}

/** The tensors of a file under the names that Hugging Face's causal language model gives, whatever wrote it. */
export interface NamedSources {
  sources: Map<string, TensorSource>;
  /** What was passed over or unwrapped. */
  notes: string[];
}

/**
 * @param path for messages
 * @throws HyperfitError ERR_MODEL_FILES for an adapter that is not merged, and for two tensors of one name
 */
export function nameSources(sources: readonly TensorSource[], config: ModelConfig, path: string): NamedSources {
  refuseAdapter(sources, path);
  const unwrapped = sources.map((source) => ({ source, name: canonicalName(unwrap(source.name), config) }));
  const named = new Map<string, TensorSource>();
  const passed = new Map<string, string[]>();
  for (const { source, name } of unwrapped) {
    const what = PASSED_OVER.find(([, fits]) => fits(name, config))?.[0];
    if (what !== undefined) passed.set(what, add(passed.get(what), source.name));
    else if (named.has(name)) refuseTwice(name, source.name, path);
    else named.set(name, { ...source, name });
  }
  return { sources: named, notes: [...listWrappers(sources), ...[...passed].map(([what, names]) => notePassed(what, names))] };
}

function add(names: string[] | undefined, name: string): string[] {
  names?.push(name);
  return names ?? [name];
}

function refuseAdapter(sources: readonly TensorSource[], path: string): void {
  const adapter = sources.find(
    ({ name }) =>
      name.startsWith('base_model.model.') ||
      ['.lora_A.', '.lora_B.', '.lora_embedding_', '.base_layer.'].some((part) => name.includes(part)),
  );
  if (adapter === undefined) return;
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected the weights of a model in ${path}, got \`${clip(adapter.name)}\` of a PEFT adapter that is not merged; merge it first: PeftModel.from_pretrained(model, adapter).merge_and_unload().save_pretrained(folder)`,
  );
}

function refuseTwice(name: string, other: string, path: string): never {
  throw new HyperfitError(
    'ERR_MODEL_FILES',
    `expected \`${clip(name)}\` once in ${path}, got it again as \`${clip(other)}\`; take one of the two out of the file`,
  );
}

/** Without the segments of wrappers, and without DataParallel's `module.` in front. */
function unwrap(name: string): string {
  const segments = name.split('.').filter((segment) => !Object.hasOwn(WRAPPERS, segment));
  return (segments[0] === 'module' ? segments.slice(1) : segments).join('.');
}

function listWrappers(sources: readonly TensorSource[]): string[] {
  const found = new Set<string>();
  for (const { name } of sources) {
    if (name.startsWith('module.')) found.add('`module.` of DistributedDataParallel');
    for (const [segment, wrapper] of Object.entries(WRAPPERS))
      if (name.split('.').includes(segment)) found.add(`\`${segment}.\` of ${wrapper}`);
  }
  return found.size === 0 ? [] : [`the weights' names carry ${[...found].join(' and ')}, which was taken off`];
}

/**
 * GPT-2's own files and those of base models leave the outer name out, those of a Gemma 3 that reads images put `language_model.` before or
 * within.
 */
function canonicalName(name: string, { weightLayout }: ModelConfig): string {
  const root = name.slice(0, Math.max(0, name.indexOf('.')));
  if ((BARE_ROOTS[weightLayout] as readonly string[]).includes(root)) return OUTER[weightLayout] + name;
  if (weightLayout === 'fused') return name;
  const [prefix, own] = IMAGE_MODEL_PREFIXES.find(([given]) => name.startsWith(given)) ?? ['', ''];
  return own + name.slice(prefix.length);
}

function notePassed(what: string, names: readonly string[]): string {
  return `${names.length} tensor${names.length === 1 ? ' was' : 's were'} passed over, ${what}: ${clip(names[0]!)}${names.length > 1 ? ', ...' : ''}`;
}
