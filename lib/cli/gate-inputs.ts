import type { Command } from 'commander';
import { makeDocumentContexts } from '../data/document-contexts.ts';
import { readDocuments } from '../data/documents.ts';
import { loadData } from '../data/sequences.ts';
import { OverlapIndex } from '../evaluate/overlap.ts';
import type { Model } from '../model/model.ts';
import type { RunFacts } from '../run/export-run.ts';
import { checkedPath, wholeNumber } from './options.ts';

/** From what a command decodes to see how weights write. */
export interface GateInputOptions {
  contexts?: string;
  contextLength: number;
  maxNewTokens: number;
  train?: string;
}

export function addGateInputOptions(command: Command, whose = 'the run'): Command {
  return command
    .option('--contexts <file>', `what to continue: .jsonl with {"text"} or {"ids"}, a beginning a line, or text, of which up to 32 are cut (default: those that ${whose} was compared on)`, checkedPath)
    .option('--context-length <N>', 'tokens of a context that is cut from text', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--train <file>', `training text, for the longest quotation (default: that of ${whose})`, checkedPath);
}

/** As many as a run is compared on; one context would say nothing about a model. */
const MOST_OF_TEXT = 32;

/** Those of a file, or else those of the run; none where there is neither. Lines of a file of beginnings give one each; a text is cut, and up to 32 are taken, evenly spread. */
export async function readGateContexts({ contexts, contextLength }: GateInputOptions, { tokenizer }: Model, facts: RunFacts | undefined): Promise<readonly Int32Array[]> {
  if (contexts === undefined) return facts?.contexts ?? [];
  if (/\.jsonl?(\.gz)?$/i.test(contexts)) return (await makeDocumentContexts(await readDocuments(contexts), tokenizer, { contextLength })).map(({ context }) => context);
  const { sequences } = await loadData(contexts, tokenizer, { sequenceLength: contextLength });
  const count = Math.min(MOST_OF_TEXT, sequences.length);
  return Array.from({ length: count }, (_, at) => sequences[Math.floor((at * sequences.length) / count)]!.ids);
}

/** Of what was trained on; undefined where nobody knows it. */
export async function readTrainIndex({ train }: GateInputOptions, { tokenizer }: Model, facts: RunFacts | undefined): Promise<OverlapIndex | undefined> {
  const path = train ?? facts?.trainFile;
  if (path === undefined) return undefined;
  const { sequences } = await loadData(path, tokenizer, { sequenceLength: 256 });
  return new OverlapIndex(sequences.map(({ ids }) => ids));
}
