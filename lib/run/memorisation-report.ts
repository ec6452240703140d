import { basename } from 'node:path';
import { given } from '../config/given.ts';
import type { MemorisedContext, MemorisedText, ReportMemorisation } from '../report/report-data.ts';
import type { ComparisonFile } from './comparison-file.ts';
import type { MemorisationFile } from './memorisation-file.ts';

/** What the page shows of memorisation.json, with the texts of comparison.json. */
export function reportedMemorisation(file: MemorisationFile, comparison: ComparisonFile): ReportMemorisation {
  const contexts = comparison.contexts.map((context, index): MemorisedContext => ({
    number: index + 1,
    context: context.contextText ?? context.context.join(' '),
    texts: file.variants.flatMap(({ name }) => memorisedText(file, comparison, name, index)),
  }));
  return {
    minLength: file.variants[0]?.minLength ?? 0,
    rows: file.variants,
    blocker: file.blocker,
    contexts: contexts.filter(({ texts }) => texts.some(({ spans, interventions = 0 }) => spans.length > 0 || interventions > 0)),
    samples: file.samples.map(({ sequence, source, offset, ids, pieces, learnt }) => ({
      sequence,
      source: basename(source),
      offset,
      pieces: pieces ?? ids.map((id) => `${id} `),
      ...given({ learnt }),
    })),
  };
}

/** The texts with and without the blocker stand beside each other always; those of other variants where they quote something. */
function memorisedText(file: MemorisationFile, { variants }: ComparisonFile, name: string, index: number): MemorisedText[] {
  const { blocker } = file;
  const spans = file.variants.find((variant) => variant.name === name)?.spans[index] ?? [];
  const generation = variants.find((variant) => variant.name === name)?.result.generations[index];
  const isBeside = name === blocker?.name || name === blocker?.unblocked;
  if (generation === undefined || (!isBeside && spans.length === 0)) return [];
  const pieces = generation.pieces ?? Array.from(generation.ids, (id) => `${id} `);
  const divergence = isBeside ? (blocker!.divergences[index] ?? null) : null;
  return [{ name, pieces, spans, divergence, ...(name === blocker?.name ? { interventions: blocker.counts[index] ?? 0 } : {}) }];
}
