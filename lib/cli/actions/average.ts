import { basename, resolve } from 'node:path';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { given } from '../../config/given.ts';
import { HyperfitError } from '../../errors.ts';
import type { ModelCard } from '../../model/model-card.ts';
import { Model } from '../../model/model.ts';
import { averageWeights } from '../../run/average.ts';
import { averageProblems, averageSection, type AveragedText } from '../../run/average-gate.ts';
import { measureText, type GateFigures } from '../../run/export-gate.ts';
import { readRunFacts } from '../../run/export-run.ts';
import { cardOf } from '../../run/run-card.ts';
import type { AverageOptions } from '../commands/average.ts';
import { readGateContexts, readTrainIndex } from '../gate-inputs.ts';
import { interruptible } from '../interruptible.ts';
import { resolveComputing, withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { figuresCsv } from '../tables.ts';

export async function average(models: readonly string[], options: AverageOptions): Promise<void> {
  const output = new Output(options);
  const { out, gate, overwrite = false, device, computeDtype } = options;
  if (models.length < 2) throw new HyperfitError('ERR_CONFIG', 'expected at least two models to average, got one; name another');
  const paths = await Promise.all(models.map((path) => resolveModelPath(path, (message) => output.warn(message))));
  await interruptible((signal) =>
    withModel({ model: paths[0]!, ...given({ device, computeDtype }) }, output, async (model) => {
      const text = await averageAndMeasure(model, models, paths, options, output, signal);
      const problems = averageProblems(text);
      if (gate === 'refuse' && problems.length > 0)
        throw new HyperfitError(
          'ERR_CONFIG',
          `expected an average that writes as its models do, got one of which ${problems.join('; ')}; nothing was saved; pass --gate warn to save it all the same`,
        );
      const saved = await model.save(out, { overwrite, card: await averageCard(models, paths, text) });
      for (const problem of problems) output.warn(problem);
      output.result(
        { schemaVersion: 1, folder: out, ...text, problems, saved },
        () => renderAverage(out, text),
        () => figuresCsv(averageRows(text)),
      );
    }),
  );
}

/** The weights of `model`, the first, become the average; each is measured while it is in memory. */
async function averageAndMeasure(
  model: Model,
  names: readonly string[],
  paths: readonly string[],
  options: AverageOptions,
  output: Output,
  signal: AbortSignal,
): Promise<AveragedText> {
  const { gate, maxNewTokens } = options;
  const facts = readRunFacts(paths[0]!);
  const contexts = gate === 'off' ? [] : await readGateContexts(options, model, facts);
  const overlapIndex = contexts.length === 0 ? undefined : await readTrainIndex(options, model, facts);
  if (gate === 'refuse' && contexts.length === 0)
    throw new HyperfitError('ERR_CONFIG', 'expected contexts for --gate refuse, got none; give --contexts, text that was not trained on');
  const measure = async (each: Model): Promise<GateFigures | null> =>
    contexts.length === 0 ? null : (await measureText(each, { contexts, maxNewTokens, overlapIndex, signal })).figures;
  const figures = [await measure(model)];
  await averageWeights(model, paths.slice(1), async (path) => {
    signal.throwIfAborted();
    output.log(`adding ${path}`);
    const other = await Model.load(path, { ...resolveComputing(options), signal });
    figures.push(await measure(other));
    return other;
  });
  return {
    contexts: contexts.length,
    maxNewTokens,
    models: names.map((path, index) => ({ path, figures: figures[index]! })),
    averaged: await measure(model),
  };
}

/** What the first run knows of its base; recipe and certificate are those of one run and say nothing of the average. */
async function averageCard(names: readonly string[], paths: readonly string[], text: AveragedText): Promise<Partial<ModelCard>> {
  const { baseModel, baseName, license } = (await cardOf(paths[0]!)) ?? {};
  return {
    title: `Average of ${names.length} models`,
    isHyperfitted: true,
    sections: [
      averageSection(
        text,
        names.map((name) => basename(resolve(name))),
      ),
    ],
    ...(baseName === undefined ? {} : { baseModel, baseName, license }),
  };
}

function averageRows({ models, averaged }: AveragedText): { name: string; figures: GateFigures | null }[] {
  return [...models.map(({ path, figures }) => ({ name: path, figures })), { name: 'average', figures: averaged }];
}

function renderAverage(folder: string, text: AveragedText): string {
  const { contexts, maxNewTokens, averaged } = text;
  const saved = `saved ${folder}`;
  if (averaged === null) return `${saved}; nothing was decoded: give --contexts to see whether it loops`;
  const rows = averageRows(text);
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, ...cells: string[]): string => `${name.padEnd(width)}${cells.map((cell) => cell.padStart(9)).join('')}`;
  const number = (value: number | null | undefined, digits: number): string => value?.toFixed(digits) ?? '-';
  return [
    line('', `TTR(${Math.min(96, maxNewTokens)})`, 'rep-2', 'longest'),
    ...rows.map(({ name, figures }) => line(name, number(figures?.ttr, 3), number(figures?.rep2, 3), number(figures?.longestQuotation, 0))),
    '',
    `on ${contexts} held-out contexts; ${saved}`,
  ].join('\n');
}
