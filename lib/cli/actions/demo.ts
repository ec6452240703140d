import { fastestComputeDtype } from '../../compute-dtype.ts';
import { environmentLayer, presetLayer, type ConfigLayer } from '../../config/layers.ts';
import { normalizeConfig, type NormalizedConfig } from '../../config/normalize.ts';
import { readComparisonFile } from '../../run/comparison-file.ts';
import { runFolder } from '../../run/run-folder.ts';
import { DEMO_FIELDS, type DemoOptions } from '../commands/demo.ts';
import { prepareDemo } from '../demo-files.ts';
import { patchDemo, renderDemoPatch } from '../demo-patch.ts';
import { fieldValues } from '../options.ts';
import { Output } from '../output.ts';
import { renderRunSummary, summarizeRun } from '../run-summary.ts';
import { renderSideBySide } from '../side-by-side.ts';
import { comparisonCsv } from '../tables.ts';
import { runAndReport } from '../training-session.ts';

/** Continuations shown on the terminal; the page has all. */
const SHOWN = 3;

export async function demo(options: DemoOptions): Promise<void> {
  const output = new Output(options);
  const normalized = await resolveDemo(options);
  const result = await runAndReport(normalized, output, options.open);
  const patch = await patchDemo(result, normalized.config, (message) => output.log(message));
  const { variant, ...files } = patch ?? {};
  const summary = { ...summarizeRun(result), patch: patch === undefined ? null : { ...files, ...variant!.metrics } };
  output.result(
    summary,
    () =>
      [
        renderRunSummary(result),
        ...shownContinuations(result.folder, result.comparison.length > 0),
        ...(patch === undefined ? [] : [renderDemoPatch(patch, result.comparison)]),
      ].join('\n'),
    () =>
      comparisonCsv(
        result.comparison,
        patch === undefined ? [] : [{ name: patch.variant.name, isHyperfitted: true, decoding: 'greedy', ...patch.variant.metrics }],
      ),
  );
}

/** Model and text are looked for only where they are not given. */
async function resolveDemo(options: DemoOptions): Promise<NormalizedConfig> {
  const layers: ConfigLayer[] = [
    { name: 'flags', values: fieldValues(options, DEMO_FIELDS) },
    environmentLayer(process.env),
    presetLayer('demo'),
  ];
  const { config } = normalizeConfig(layers);
  // A libtorch that is missing is found out before anything is fetched.
  const computeDtype = fastestComputeDtype(config.device);
  const needs = { model: config.model === null, text: config.data === null };
  const files = await prepareDemo(needs, { yes: options.yes === true, quiet: options.quiet === true });
  // Paragraphs of the book are lines, whatever edition stands in the cache; a text of one's own is taken as it stands.
  return normalizeConfig([...layers, { name: 'demo', values: { ...files, ...(needs.text ? { unwrap: true } : {}), computeDtype } }]);
}

function shownContinuations(path: string, isCompared: boolean): string[] {
  if (!isCompared) return [];
  const { contexts, variants } = readComparisonFile(runFolder(path));
  const compared = Math.min(SHOWN, variants[0]?.result.generations.length ?? 0);
  return contexts.slice(0, compared).flatMap(({ contextText, context }, index) => {
    const columns = variants
      .filter(({ decoding }) => decoding !== 'top-p')
      .map(({ name, result }) => ({
        title: name,
        text: result.generations[index]?.text ?? Array.from(result.generations[index]?.ids ?? []).join(' '),
      }));
    return [
      '',
      `context: ${(contextText ?? context.join(' ')).replaceAll(/\s+/g, ' ')}`,
      renderSideBySide(columns, process.stdout.columns ?? 120),
    ];
  });
}
