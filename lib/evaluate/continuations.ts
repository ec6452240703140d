import { answerRoom, answerStops, isAnswerContext, judgeAnswer, longestAnswer, type AnswerContext, type JudgedAnswer } from './answers.ts';
import type { EvaluableModel, EvaluatedGeneration, EvaluationOptions } from './evaluation.ts';

/** What was written after the contexts, and of answers how they came out. */
export interface Written {
  /** In the order of the contexts. */
  generations: EvaluatedGeneration[];
  judged: (AnswerContext & JudgedAnswer)[];
  stops: readonly number[];
}

/** Texts go on to `maxNewTokens`, answers until they end. */
export async function continueContexts(
  model: EvaluableModel,
  contexts: readonly (Int32Array | AnswerContext)[],
  maxNewTokens: number,
  options: EvaluationOptions,
): Promise<Written> {
  const asked = contexts.filter(isAnswerContext);
  const stops = Array.from(options.generateOptions?.stopIds ?? answerStops(model, asked));
  const wanted = longestAnswer(asked, maxNewTokens);
  const jobs = contexts.map((context): Job =>
    isAnswerContext(context)
      ? { prompt: context.context, maxNewTokens: answerRoom(model, context, wanted), stops }
      : { prompt: context, maxNewTokens },
  );
  const generations = await generateAll(model, jobs, options);
  const judged: Written['judged'] = [];
  for (const [index, context] of contexts.entries()) {
    if (!isAnswerContext(context)) continue;
    const { ids } = generations[index]!;
    const outcome = await judgeAnswer(ids, context.reference, stops, model.tokenizer);
    judged.push({ ...context, ids, outcome });
    generations[index] = { ...generations[index]!, answer: outcome };
  }
  return { generations, judged, stops };
}

/** A context, how far it may go on, and of an answer what ends it. */
interface Job {
  prompt: Int32Array;
  maxNewTokens: number;
  stops?: readonly number[];
}

/** Contexts that are decoded together unless somebody says otherwise. */
export const CONTEXTS_AT_ONCE = 32;

/** In batches of jobs that are decoded alike; the results stand in the order of the jobs. */
async function generateAll(model: EvaluableModel, jobs: readonly Job[], options: EvaluationOptions): Promise<EvaluatedGeneration[]> {
  const { contextBatchSize: batchSize = CONTEXTS_AT_ONCE, signal, onProgress } = options;
  const generations: EvaluatedGeneration[] = [];
  let done = 0;
  for (const alike of groupAlike(jobs)) {
    for (let at = 0; at < alike.length; at += batchSize) {
      signal?.throwIfAborted();
      const batch = alike.slice(at, at + batchSize);
      const { maxNewTokens, stops } = jobs[batch[0]!]!;
      const length = stops === undefined ? { maxNewTokens, minNewTokens: maxNewTokens } : { maxNewTokens, stopIds: stops };
      const made = await model.generate(
        batch.map((index) => jobs[index]!.prompt),
        { ...length, ...options.generateOptions, ...(signal === undefined ? {} : { signal }) },
      );
      batch.forEach((index, row) => (generations[index] = made[row]!));
      done += batch.length;
      onProgress?.({ stage: 'contexts', done, total: jobs.length });
    }
  }
  return generations;
}

function groupAlike(jobs: readonly Job[]): number[][] {
  const groups = new Map<string, number[]>();
  for (const [index, { maxNewTokens, stops }] of jobs.entries()) {
    const key = `${maxNewTokens} ${stops === undefined}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [index]);
    else group.push(index);
  }
  return [...groups.values()];
}
