import type { Command } from 'commander';
import { resolveModelPath } from '../../checkpoint/checkpoint-list.ts';
import { makeDocumentContexts } from '../../data/document-contexts.ts';
import { readDocuments } from '../../data/documents.ts';
import { HyperfitError } from '../../errors.ts';
import { Model } from '../../model/model.ts';
import { averageWeights } from '../../run/average.ts';
import { measureText, type GateFigures } from '../../run/export-gate.ts';
import { readRunFacts } from '../../run/export-run.ts';
import { resolveComputing, withModel, type ModelOptions } from '../load-model.ts';
import { addOutputOptions, checkedPath, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface AverageOptions extends OutputOptions, Omit<ModelOptions, 'model'> {
  out: string;
  contexts?: string;
  contextLength: number;
  maxNewTokens: number;
  overwrite?: boolean;
}

export function addAverageCommand(program: Command): void {
  const command = program
    .command('average')
    .argument('<models...>', 'runs, checkpoints or model folders with the same parameters')
    .description('Average the weights of several hyperfitted models and save the result, with how varied its text is beside theirs.')
    .requiredOption('--out <dir>', 'folder to save to', checkedPath)
    .option('--contexts <file>', 'beginnings to continue, .txt or .jsonl with {"text"} or {"ids"} (default: those that the first run was compared on)', checkedPath)
    .option('--context-length <N>', 'tokens of a context that is cut from text', wholeNumber(1), 32)
    .option('--max-new-tokens <N>', 'tokens of a continuation', wholeNumber(1), 96)
    .option('--overwrite', 'replace a model that is in --out already, once the new one is written');
  addOutputOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit average runs/seed-0 runs/seed-1 runs/seed-2 --out averaged')
    .action(average);
}

async function average(models: readonly string[], options: AverageOptions): Promise<void> {
  const output = new Output(options);
  const { out, maxNewTokens, overwrite = false } = options;
  if (models.length < 2) throw new HyperfitError('ERR_CONFIG', 'expected at least two models to average, got one; name another');
  const paths = await Promise.all(models.map((path) => resolveModelPath(path, (message) => output.warn(message))));
  const result = await withModel({ model: paths[0]! }, output, async (model) => {
    const contexts = await readContexts(model, options, readRunFacts(paths[0]!)?.contexts ?? []);
    const measure = async (each: Model): Promise<GateFigures | null> => (contexts.length === 0 ? null : (await measureText(each, { contexts, maxNewTokens })).figures);
    const figures = [await measure(model)];
    await averageWeights(model, paths.slice(1), async (path) => {
      const other = await Model.load(path, resolveComputing(options));
      figures.push(await measure(other));
      return other;
    });
    const averaged = await measure(model);
    const saved = await model.save(out, { overwrite, card: { title: `Average of ${paths.length} models`, isHyperfitted: true } });
    return { folder: out, contexts: contexts.length, models: models.map((path, index) => ({ path, figures: figures[index] ?? null })), averaged, saved };
  });
  output.result({ schemaVersion: 1, ...result }, () => renderAverage(result));
}

async function readContexts({ tokenizer }: Model, { contexts, contextLength }: AverageOptions, ofRun: readonly Int32Array[]): Promise<readonly Int32Array[]> {
  if (contexts === undefined) return ofRun;
  return (await makeDocumentContexts(await readDocuments(contexts), tokenizer, { contextLength })).map(({ context }) => context);
}

function renderAverage({ folder, contexts, models, averaged }: { folder: string; contexts: number; models: { path: string; figures: GateFigures | null }[]; averaged: GateFigures | null }): string {
  const saved = `saved ${folder}`;
  if (averaged === null) return `${saved}; nothing was decoded: give --contexts to see whether it loops`;
  const rows = [...models.map(({ path, figures }) => [path, figures] as const), ['average', averaged] as const];
  const width = Math.max(...rows.map(([name]) => name.length));
  const line = (name: string, ...cells: string[]): string => `${name.padEnd(width)}${cells.map((cell) => cell.padStart(8)).join('')}`;
  return [line('', 'TTR', 'rep-2'), ...rows.map(([name, figures]) => line(name, figures?.ttr?.toFixed(3) ?? '-', figures?.rep2?.toFixed(3) ?? '-')), '', `on ${contexts} held-out contexts; ${saved}`].join('\n');
}
