import type { Command } from 'commander';
import { given } from '../../config/given.ts';
import { isMessagesDocument } from '../../data/document.ts';
import { readDocuments } from '../../data/documents.ts';
import { encodeWhole } from '../../data/encoded-document.ts';
import { loadSequences, type Sequence } from '../../data/sequences.ts';
import { HyperfitError } from '../../errors.ts';
import { evaluate, type EvaluationResult } from '../../evaluate/evaluation.ts';
import { measureMemorisation, MEMORISED_LENGTH, type Memorisation } from '../../evaluate/memorisation.ts';
import { OverlapIndex } from '../../evaluate/overlap.ts';
import type { Model } from '../../model/model.ts';
import { checkSequences } from '../../train/training-data.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addModelOptions, addOutputOptions, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { renderEvaluation, renderMemorisation } from '../evaluation-table.ts';

interface EvaluateOptions extends ModelOptions, OutputOptions {
  heldOut?: string;
  contexts?: string;
  train?: string;
  memorisation?: number | true;
  sequenceLength: number;
  contextLength: number;
  maxNewTokens: number;
  batchSize: number;
  contextBatchSize: number;
}

export function addEvaluateCommand(program: Command): void {
  const command = addModelOptions(program.command('evaluate').description('Measure a model: likelihood on held-out text, diversity of its greedy continuations, overlap with training text.'))
    .option('--held-out <file>', 'text for loss, perplexity, entropy and top-k mass; {"ids"} lines are one sequence each')
    .option('--contexts <file>', 'beginnings to continue, .jsonl with {"text"} or {"ids"}, or .txt; cut to --context-length')
    .option('--train <file>', 'training text, for the overlap of the continuations with it')
    .option('--memorisation [N]', `list every run of N or more tokens of a continuation that stands in --train (default: ${MEMORISED_LENGTH})`, wholeNumber(1))
    .option('--sequence-length <T>', 'tokens per sequence that text is cut into', wholeNumber(2), 256)
    .option('--context-length <N>', 'tokens of a context', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--batch-size <B>', 'held-out sequences computed together; changes speed and memory, not results', wholeNumber(1), 8)
    .option('--context-batch-size <B>', 'contexts continued together; changes speed and memory, not results', wholeNumber(1), 32);
  addOutputOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit evaluate --model runs/novel --held-out other.txt --contexts starts.jsonl --train runs/novel/train.jsonl')
    .action(evaluateCommand);
}

async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  if (options.heldOut === undefined && options.contexts === undefined) throw new HyperfitError('ERR_CONFIG', 'expected --held-out, --contexts or both, got neither');
  if (options.train !== undefined && options.contexts === undefined) throw new HyperfitError('ERR_CONFIG', 'expected --contexts beside --train, got none: overlap is measured on continuations');
  if (options.memorisation !== undefined && options.train === undefined) throw new HyperfitError('ERR_CONFIG', 'expected --train beside --memorisation, got none: what is memorised stands there');
  const output = new Output(options);
  const { result, memorisation, train } = await withModel(options, output, (model) => measureModel(model, options, output));
  output.result({ ...plainResult(result), ...given({ memorisation }) }, () => [renderEvaluation(result), ...(memorisation === undefined ? [] : renderMemorisation(memorisation, train))].join('\n'));
}

interface Measured {
  result: EvaluationResult;
  memorisation?: Memorisation;
  train: readonly Sequence[];
}

async function measureModel(model: Model, options: EvaluateOptions, output: Output): Promise<Measured> {
  const { maxNewTokens, batchSize, contextBatchSize } = options;
  const heldOut = await readSequences(options.heldOut, model, options.sequenceLength);
  const train = await readSequences(options.train, model, options.sequenceLength);
  const contexts = await readContexts(options.contexts, model, options);
  const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }): void => output.log(`${stage === 'heldOut' ? 'held-out sequences' : 'contexts'} ${done}/${total}`);
  const index = train && new OverlapIndex(train.map(({ ids }) => ids));
  const result = await evaluate(model, { maxNewTokens, batchSize, contextBatchSize, onProgress, ...given({ heldOut, contexts, train: index }) });
  if (index === undefined || options.memorisation === undefined) return { result, train: train ?? [] };
  const minLength = options.memorisation === true ? MEMORISED_LENGTH : options.memorisation;
  return { result, memorisation: measureMemorisation(index, result.generations.map(({ ids }) => ids), minLength), train: train ?? [] };
}

async function readSequences(path: string | undefined, model: Model, sequenceLength: number): Promise<Sequence[] | undefined> {
  if (path === undefined) return undefined;
  const sequences = await loadSequences(path, model.tokenizer, { sequenceLength });
  checkSequences(sequences, model);
  return sequences;
}

async function readContexts(path: string | undefined, model: Model, { contextLength }: EvaluateOptions): Promise<Int32Array[] | undefined> {
  if (path === undefined) return undefined;
  const documents = await readDocuments(path);
  const encoded = await encodeWhole(documents, model.tokenizer);
  return encoded.map((ids, index) => (isMessagesDocument(documents[index]!) ? ids : ids.slice(0, contextLength)));
}

function plainResult({ generations, ...figures }: EvaluationResult): object {
  return { ...figures, generations: generations.map(({ promptIds, ids, text }) => ({ promptIds: Array.from(promptIds), ids: Array.from(ids), ...given({ text }) })) };
}
