import { counted } from '../../config/counted.ts';
import { given } from '../../config/given.ts';
import { environmentLayer, presetLayer } from '../../config/layers.ts';
import { HyperfitError } from '../../errors.ts';
import { csvTable } from '../../report/csv.ts';
import { NO_FINDINGS } from '../../study/findings.ts';
import { findingsTable } from '../../study/findings-csv.ts';
import { runStudy } from '../../study/run-study.ts';
import { normalizeSetting, type DomainSource, type StudySetting } from '../../study/setting.ts';
import { AVAILABLE, findStudy } from '../../study/studies.ts';
import type { StudyFile } from '../../study/study-file.ts';
import { STUDY_FIELDS, type Named, type StudyOptions } from '../commands/study.ts';
import { fieldValues } from '../options.ts';
import { Output } from '../output.ts';
import { StudyView } from '../study-view.ts';

/** Every study with its question. */
export function listStudies(options: StudyOptions): void {
  const studies = AVAILABLE.map((name) => findStudy(name)!).map(({ name, title, question }) => ({ name, title, question }));
  const width = Math.max(...studies.map(({ name }) => name.length));
  const render = (): string => studies.map(({ name, question }) => `${name.padEnd(width)}  ${question}`).join('\n');
  new Output(options).result({ schemaVersion: 1, studies }, render, () => csvTable(studies));
}

export async function study(name: string, options: StudyOptions): Promise<void> {
  const output = new Output(options);
  const view = new StudyView(output);
  try {
    const file = await runStudy(findStudy(name)!, settingOf(options), view.hooks);
    view.clear();
    output.result(
      { ...file, folder: options.out },
      () => renderOutcome(file, options.out),
      () => findingsTable(file.findings ?? NO_FINDINGS),
    );
  } finally {
    view.clear();
  }
}

function settingOf(options: StudyOptions): StudySetting {
  const {
    contexts,
    newTokens,
    model,
    data,
    out,
    seeds,
    sizes,
    ranks,
    rates,
    decay,
    contrastSequences,
    text,
    word,
    task,
    keepModels,
    share,
    featureModel,
  } = options;
  const flags = { ...fieldValues(options, STUDY_FIELDS), ...given({ comparisonContexts: contexts, maxNewTokens: newTokens }) };
  const preset = options.preset === undefined ? [] : [presetLayer(options.preset)];
  return normalizeSetting({
    model,
    out,
    domains: domainsOf(data, options.heldOut ?? []),
    layers: [{ name: 'flags', values: flags }, environmentLayer(process.env), ...preset],
    ...given({
      seeds,
      sizes,
      ranks,
      rates,
      decay,
      contrastSequences,
      keepModels,
      share,
      featureModel,
      probeText: text,
      probeWord: word,
      tasks: task,
    }),
  });
}

/** With a single domain the held-out text needs no name. */
function domainsOf(data: readonly Named[], heldOut: readonly Named[]): DomainSource[] {
  const only = data.length === 1 && heldOut.length === 1;
  const stranger = heldOut.find(({ name }) => !only && !data.some((domain) => domain.name === name));
  if (stranger !== undefined)
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected held-out text of one of the domains ${data.map(({ name }) => name).join(', ')}, got ${stranger.name}; name it, as in --held-out ${data[0]!.name}=${stranger.path}`,
    );
  return data.map(({ name, path }) => ({
    name,
    data: path,
    heldOut: (only ? heldOut[0] : heldOut.find((held) => held.name === name))?.path ?? null,
  }));
}

function renderOutcome({ cells, findings }: StudyFile, out: string): string {
  return `${counted(cells.length, 'cell')}, ${counted(findings?.rows.length ?? 0, 'row')}\n${out}/study.json\n${out}/table.md\n${out}/table.csv\n${out}/tests.csv\n${out}/index.html`;
}
