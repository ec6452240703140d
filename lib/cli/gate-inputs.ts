import { makeDocumentContexts } from '../data/document-contexts.ts';
import { readDocuments } from '../data/documents.ts';
import { loadData } from '../data/sequences.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import type { Model } from '../model/model.ts';
import type { RunFacts } from '../run/export-run.ts';
import type { GateInputOptions } from './gate-options.ts';

/** As many as a run is compared on; one context would say nothing about a model. */
const MOST_OF_TEXT = 32;

/**
 * Those of a file, or else those of the run; none where there is neither. Lines of a file of beginnings give one each; a text is cut, and
 * up to 32 are taken, evenly spread.
 */
export async function readGateContexts(
  { contexts, contextLength }: GateInputOptions,
  { tokenizer }: Model,
  facts: RunFacts | undefined,
): Promise<readonly Int32Array[]> {
  if (contexts === undefined) return facts?.contexts ?? [];
  if (/\.jsonl?(\.gz)?$/i.test(contexts))
    return (await makeDocumentContexts(await readDocuments(contexts), tokenizer, { contextLength })).map(({ context }) => context);
  const { sequences } = await loadData(contexts, tokenizer, { sequenceLength: contextLength });
  const count = Math.min(MOST_OF_TEXT, sequences.length);
  return Array.from({ length: count }, (_, at) => sequences[Math.floor((at * sequences.length) / count)]!.ids);
}

/** Of what was trained on; undefined where nobody knows it. */
export async function readTrainIndex(
  { train }: GateInputOptions,
  { tokenizer }: Model,
  facts: RunFacts | undefined,
): Promise<OverlapIndex | undefined> {
  const path = train ?? facts?.trainFile;
  if (path === undefined) return undefined;
  const { sequences } = await loadData(path, tokenizer, { sequenceLength: 256 });
  return new OverlapIndex(sequences.map(({ ids }) => ids));
}
