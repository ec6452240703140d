import { given } from '../../config/given.ts';
import { renderNote } from '../../data/data-notes.ts';
import { DataNotes } from '../../data/data-notes.ts';
import { makeDocumentContexts } from '../../data/document-contexts.ts';
import { readDocuments } from '../../data/documents.ts';
import { makeContext, type Context } from '../../data/selection.ts';
import { loadData, type Sequence } from '../../data/sequences.ts';
import { refusingFor } from '../../data/readers/refusal.ts';
import { HyperfitError } from '../../errors.ts';
import { judgedContext } from '../../evaluate/answers.ts';
import { evaluate, type EvaluationResult } from '../../evaluate/evaluation.ts';
import { measureMemorisation, MEMORISED_LENGTH, type Memorisation } from '../../evaluate/memorisation.ts';
import type { MauveTexts } from '../../evaluate/mauve-texts.ts';
import { OverlapIndex } from '../../evaluate/overlap.ts';
import type { Model } from '../../model/model.ts';
import { checkSequences } from '../../train/training-data.ts';
import { blockerSource, type BlockerSource } from '../blocker-options.ts';
import { withBlocker } from '../citation-source.ts';
import type { EvaluateOptions } from '../commands/evaluate.ts';
import { checkLikeness, measureLikeness, pairDocuments } from '../human-likeness.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { evaluationCsv } from '../evaluation-csv.ts';
import { renderEvaluation, renderMauve, renderMemorisation } from '../evaluation-table.ts';

export async function evaluateCommand(options: EvaluateOptions): Promise<void> {
  checkOptions(options);
  const blocker = blockerSource(options);
  const output = new Output(options);
  const { result, memorisation, train, texts } = await withModel(options, output, (model) => measureModel(model, options, blocker, output));
  const mauve =
    texts &&
    (await measureLikeness(
      options.featureModel!,
      texts,
      given({ clusters: options.mauveClusters, seed: options.mauveSeed }),
      options,
      output,
    ));
  output.result(
    { ...plainResult(result), ...given({ memorisation, mauve }) },
    () =>
      [
        renderEvaluation(result),
        ...(mauve === undefined ? [] : [renderMauve(mauve)]),
        ...(memorisation === undefined ? [] : renderMemorisation(memorisation, train)),
      ].join('\n'),
    () => evaluationCsv(options.model, { result, ...given({ memorisation, mauve }) }),
  );
}

function checkOptions({
  heldOut,
  contexts,
  train,
  memorisation,
  featureModel,
  mauveClusters,
  mauveSeed,
  citationBlocker,
}: EvaluateOptions): void {
  const problem =
    heldOut === undefined && contexts === undefined
      ? 'expected --held-out, --contexts or both, got neither'
      : memorisation !== undefined && train === undefined
        ? 'expected --train beside --memorisation, got none: what is memorised stands there'
        : featureModel !== undefined && contexts === undefined
          ? 'expected --contexts beside --feature-model, got none: MAUVE compares continuations with how their documents go on'
          : featureModel === undefined && (mauveClusters ?? mauveSeed) !== undefined
            ? 'expected --feature-model beside --mauve-clusters and --mauve-seed, got none: without it MAUVE is not measured'
            : citationBlocker !== undefined && contexts === undefined
              ? 'expected --contexts beside --citation-blocker, got none: it forbids tokens of continuations'
              : undefined;
  if (problem !== undefined) throw new HyperfitError('ERR_CONFIG', problem);
}

interface Measured {
  result: EvaluationResult;
  memorisation?: Memorisation;
  train: readonly Sequence[];
  /** For MAUVE, when a feature model is given. */
  texts?: MauveTexts;
}

async function measureModel(model: Model, options: EvaluateOptions, source: BlockerSource | undefined, output: Output): Promise<Measured> {
  const { maxNewTokens, batchSize, contextBatchSize, featureModel } = options;
  const heldOut = await refusingFor('heldOut', () => readSequences(options.heldOut, model, options, output));
  const train = await refusingFor('train', () => readSequences(options.train, model, options, output));
  const documents = await refusingFor('contexts', () => readContexts(options, model, heldOut));
  if (featureModel !== undefined) await checkLikeness(featureModel, documents, maxNewTokens, output);
  const onProgress = ({ stage, done, total }: { stage: string; done: number; total: number }): void =>
    output.log(`${stage === 'heldOut' ? 'held-out sequences' : 'contexts'} ${done}/${total}`);
  const index = train && new OverlapIndex(train.map(({ ids }) => ids));
  const contexts = documents.map(judgedContext);
  const result = await withBlocker(source, model, (citationBlocker) =>
    evaluate(model, {
      contexts,
      maxNewTokens,
      batchSize,
      contextBatchSize,
      onProgress,
      ...given({ heldOut, train: index, generateOptions: citationBlocker && { citationBlocker } }),
    }),
  );
  const minLength = options.memorisation === true ? MEMORISED_LENGTH : options.memorisation;
  const memorisation =
    index !== undefined && minLength !== undefined
      ? measureMemorisation(
          index,
          result.generations.map(({ ids }) => ids),
          minLength,
        )
      : undefined;
  const texts = featureModel === undefined ? undefined : await pairDocuments(model, documents, result.generations, maxNewTokens);
  return { result, train: train ?? [], ...given({ memorisation, texts }) };
}

async function readSequences(
  path: string | undefined,
  model: Model,
  { sequenceLength, unwrap = false }: EvaluateOptions,
  output: Output,
): Promise<Sequence[] | undefined> {
  if (path === undefined) return undefined;
  const { sequences, notes, warnings } = await loadData(path, model.tokenizer, { sequenceLength, unwrap });
  for (const message of warnings) output.warn(message);
  for (const note of notes) output.log(`${path}: ${renderNote(note)}`);
  checkSequences(sequences, model);
  return sequences;
}

/**
 * Those of the file, or else what the held-out dialogues ask, and where the overlap with training text is wanted the beginnings of held-out
 * text too.
 */
async function readContexts(
  { contexts, train, contextLength, unwrap = false }: EvaluateOptions,
  model: Model,
  heldOut: readonly Sequence[] = [],
): Promise<Context[]> {
  if (contexts !== undefined)
    return makeDocumentContexts(await readDocuments(contexts, new DataNotes({ takesPromptsAlone: true })), model.tokenizer, {
      contextLength,
      unwrap,
    });
  return heldOut.map((sequence) => makeContext(sequence, contextLength)).filter(({ isAnswer }) => isAnswer === true || train !== undefined);
}

function plainResult({ generations, ...figures }: EvaluationResult): object {
  return {
    ...figures,
    generations: generations.map(({ promptIds, ids, text, interventions, answer }) => ({
      promptIds: Array.from(promptIds),
      ids: Array.from(ids),
      ...given({ text, interventions, answer }),
    })),
  };
}
