import { Option, type Command } from 'commander';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { buildStudy } from '../../compare/build.ts';
import { readVariants } from '../../compare/generation-file.ts';
import { writeStudy } from '../../compare/study-files.ts';
import type { TextVariant } from '../../compare/variant.ts';
import { counted } from '../../config/counted.ts';
import { HyperfitError } from '../../errors.ts';
import { loadTokenizer } from '../../model/tokenizer-files.ts';
import { addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface CompareBuildOptions extends OutputOptions {
  out: string;
  title?: string;
  seed: number;
  items?: number;
  against?: 'original';
  pairs?: 'all' | 'against-first';
  variant?: string[];
  tokenizer?: string;
}

export function addCompareBuildCommand(compare: Command): void {
  const command = compare
    .command('build')
    .description('Make one blind page for annotators, and the key to score it with.')
    .argument('<files...>', 'FILE or NAME=FILE: .jsonl of {"context", "continuation"}, the output of generate --json, or a run (its comparison.json)')
    .requiredOption('--out <page>', 'where to write the page; the key goes beside it as NAME.key.json')
    .option('--title <text>', 'heading of the page (default: "Which continuation is better?")')
    .option('--seed <N>', 'seed of contexts, order and sides', wholeNumber(0), 0)
    .option('--items <N>', 'contexts to draw, each giving one item per pair (default: all)', wholeNumber(1))
    .addOption(new Option('--against <what>', 'compare with what a person wrote after the context, cut to equal length').choices(['original']))
    .addOption(new Option('--pairs <which>', 'pairs to compare (default: all, or with --against only those with the original)').choices(['all', 'against-first']))
    .option('--variant <name...>', 'only these variants of the files, the first of them first (default: all)')
    .option('--tokenizer <model>', 'a model whose tokenizer turns ids into text, where files hold ids only')
    .addHelpText('after', '\nExample:\n  hyperfit compare build greedy.jsonl hyperfitted.jsonl --items 50 --seed 1 --out study.html');
  addOutputOptions(command).action(build);
}

async function build(files: readonly string[], options: CompareBuildOptions): Promise<void> {
  const output = new Output(options);
  const tokenizer = options.tokenizer === undefined ? undefined : await loadTokenizer(await resolveModelPath(options.tokenizer, (message) => output.warn(message)));
  const variants = chooseVariants((await Promise.all(files.map((file) => readVariants(file, tokenizer)))).flat(), options.variant);
  const { title, seed, items, against, pairs } = options;
  const { study, key, dropped } = buildStudy(variants, { seed, items, against, pairs, ...(title === undefined ? {} : { title }) });
  if (dropped > 0) output.warn(`${counted(dropped, 'context is', 'contexts are')} not in every file, or without original text, and left out`);
  if (key.identical > 0) output.warn(`${counted(key.identical, 'pair of texts is', 'pairs of texts are')} equal and not asked`);
  const paths = await writeStudy(options.out, study, key);
  const contexts = new Set(key.items.map(({ context }) => context)).size;
  output.result({ schemaVersion: 1, study: study.id, ...paths, items: study.items.length, contexts, pairs: key.pairs, identical: key.identical, dropped }, () =>
    [`${counted(study.items.length, 'item')} from ${counted(contexts, 'context')}, ${counted(key.pairs.length, 'pair')}: ${key.pairs.map((pair) => pair.join(' against ')).join('; ')}`, `page for annotators: ${paths.page}`, `key, not for annotators: ${paths.key}`].join('\n'),
  );
}

function chooseVariants(variants: readonly TextVariant[], names: readonly string[] | undefined): readonly TextVariant[] {
  return names === undefined ? variants : names.map((name) => variants.find((variant) => variant.name === name) ?? unknown(name, variants));
}

function unknown(name: string, variants: readonly TextVariant[]): never {
  throw new HyperfitError('ERR_CONFIG', `expected one of ${variants.map((variant) => `"${variant.name}"`).join(', ')} for --variant, got "${name}"; write it as it stands there`);
}
