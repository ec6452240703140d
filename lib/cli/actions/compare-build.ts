import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { buildStudy } from '../../compare/build.ts';
import { readVariants } from '../../compare/generation-file.ts';
import { writeStudy } from '../../compare/study-files.ts';
import type { TextVariant } from '../../compare/variant.ts';
import { counted } from '../../config/counted.ts';
import { HyperfitError } from '../../errors.ts';
import { loadTokenizer } from '../../model/tokenizer-files.ts';
import type { CompareBuildOptions } from '../commands/compare-build.ts';
import { Output } from '../output.ts';

export async function build(files: readonly string[], options: CompareBuildOptions): Promise<void> {
  const output = new Output(options);
  const tokenizer =
    options.tokenizer === undefined
      ? undefined
      : await loadTokenizer(await resolveModelPath(options.tokenizer, (message) => output.warn(message)));
  const variants = chooseVariants((await Promise.all(files.map((file) => readVariants(file, tokenizer)))).flat(), options.variant);
  const { title, seed, items, against, pairs } = options;
  const { study, key, dropped } = buildStudy(variants, { seed, items, against, pairs, ...(title === undefined ? {} : { title }) });
  if (dropped > 0)
    output.warn(`${counted(dropped, 'context is', 'contexts are')} not in every file, or without original text, and left out`);
  if (key.identical > 0) output.warn(`${counted(key.identical, 'pair of texts is', 'pairs of texts are')} equal and not asked`);
  const paths = await writeStudy(options.out, study, key);
  const contexts = new Set(key.items.map(({ context }) => context)).size;
  output.result(
    {
      schemaVersion: 1,
      study: study.id,
      ...paths,
      items: study.items.length,
      contexts,
      pairs: key.pairs,
      identical: key.identical,
      dropped,
    },
    () =>
      [
        `${counted(study.items.length, 'item')} from ${counted(contexts, 'context')}, ${counted(key.pairs.length, 'pair')}: ${key.pairs.map((pair) => pair.join(' against ')).join('; ')}`,
        `page for annotators: ${paths.page}`,
        `key, not for annotators: ${paths.key}`,
      ].join('\n'),
  );
}

function chooseVariants(variants: readonly TextVariant[], names: readonly string[] | undefined): readonly TextVariant[] {
  return names === undefined ? variants : names.map((name) => variants.find((variant) => variant.name === name) ?? unknown(name, variants));
}

function unknown(name: string, variants: readonly TextVariant[]): never {
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected one of ${variants.map((variant) => `"${variant.name}"`).join(', ')} for --variant, got "${name}"; write it as it stands there`,
  );
}
