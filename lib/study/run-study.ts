import { existsSync } from 'node:fs';
import { addon } from '../addon.ts';
import { withHooks } from '../callbacks.ts';
import { replaceFile } from '../checkpoint/atomic-folder.ts';
import { FolderLock } from '../checkpoint/folder-lock.ts';
import { resolveModelPath } from '../checkpoint/checkpoint-list.ts';
import { given } from '../config/given.ts';
import { configWarnings } from '../config/warnings.ts';
import { HyperfitError } from '../errors.ts';
import { readText } from '../regular-file.ts';
import { fewPairsWarning } from '../evaluate/bootstrap.ts';
import { packageVersion } from '../libtorch/package-root.ts';
import { renderCsv } from '../report/csv.ts';
import { presentChatDate, writeChatDate } from '../tokenizer/chat-date.ts';
import { checkFeatureModel, nameFeatureModel } from '../run/feature-model.ts';
import type { Cell } from './cell.ts';
import { keyCells, type HashInputs } from './cell-key.ts';
import { domainFacts, loadDomains, openHeader, type Domain, type DomainFacts, type ModelHeader } from './domain.ts';
import { adjustTests, NO_FINDINGS } from './findings.ts';
import { findingsTable, testsTable } from './findings-csv.ts';
import { writeGenerations } from './generations.ts';
import { planOwnWork } from './own-work.ts';
import { trainSettingsOf, type StudySetting } from './setting.ts';
import { Shelf } from './shelf.ts';
import type { Bench, Study } from './study.ts';
import { describeStudy, hashModel, type StudyFile } from './study-file.ts';
import { onDisk } from '../disk-errors.ts';
import { StudyFolder } from './study-folder.ts';
import { StudyInProgress, type StudyHooks } from './study-in-progress.ts';
import { renderStudyPage } from './study-page.ts';
import { renderStudyTable } from './study-table.ts';

/**
 * Runs the cells of a study that are not finished yet, one after another, and writes study.json, table.md, table.csv, tests.csv and
 * index.html. It can be killed at any
 * moment and run again: what a cell has written is not done twice.
 * @throws HyperfitError ERR_CONFIG when `out` holds something else; ERR_BUSY while another process is at it; ERR_TOKENIZER for a
 *   `featureModel` beside a model without tokenizer; ERR_DATA, and those of training and decoding
 *
 * @example
 * const setting = normalizeSetting({
 *   model: 'HuggingFaceTB/SmolLM2-135M-Instruct',
 *   out: 'studies/curve',
 *   domains: [{ name: 'moby', data: 'chapters', heldOut: null }],
 *   layers: [presetLayer('demo')],
 * });
 * const { findings } = await runStudy(findStudy('curve')!, setting, { onProgress: console.error });
 */
export async function runStudy(study: Study, setting: StudySetting, hooks: StudyHooks = {}): Promise<StudyFile> {
  return withHooks(hooks, (safe) => runWith(study, setting, safe));
}

async function runWith(study: Study, setting: StudySetting, hooks: StudyHooks): Promise<StudyFile> {
  if (study.written === undefined && setting.metrics.length + setting.writers.length > 0) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a study that compares texts for \`metrics\` and \`writers\` of your own, got ${study.name}, which has no place for them; run quality, diversity or another that docs/studies.md names, or leave them out`,
    );
  }
  const folder = new StudyFolder(setting.out);
  await folder.open(study.name);
  const lock = await onDisk('a study', folder.path, () => FolderLock.take(folder.path, 'the folder of a study'));
  try {
    return await onDisk('a study', folder.path, async () => {
      await folder.clearPartial();
      return runLocked(study, setting, folder, hooks);
    });
  } finally {
    await lock.release();
  }
}

async function runLocked(study: Study, setting: StudySetting, folder: StudyFolder, hooks: StudyHooks): Promise<StudyFile> {
  const shelf = setting.share === null ? undefined : await Shelf.open(setting.share);
  if (setting.config.threads !== null) addon().setNumThreads(setting.config.threads);
  const earlier = await earlierStart(folder);
  const chatDate = new Date(earlier.chatDate ?? earlier.startedAt ?? presentChatDate());
  const inputs = await openInputs(study, setting, chatDate, hooks);
  const planned = await study.plan(inputs.bench);
  const own = planOwnWork(study, inputs.bench, planned);
  const all = [...planned, ...own.cells];
  const cells = shelf === undefined ? all : all.map(keepForOthers);
  const dated = inputs.bench.header.tokenizer?.chatReadsClock === true ? { chatDate: writeChatDate(chatDate) } : {};
  const about = { ...describeStudy(study, setting, inputs.facts, inputs.model), ...dated, ...earlier };
  const running = new StudyInProgress({
    ...inputs,
    folder,
    shelf,
    setting,
    cells,
    keys: keyCells(cells, hashInputs(setting, inputs)),
    hooks,
  });
  await writeStudyJson(folder, { ...about, finishedAt: null, cells: running.cellFacts(), findings: null });
  const results = await running.complete();
  const file: StudyFile = {
    ...about,
    finishedAt: new Date().toISOString(),
    cells: running.cellFacts(),
    findings: adjustTests(own.conclude(study.conclude(inputs.bench, results), results)),
  };
  await writeStudyJson(folder, file);
  await writeGenerations(folder.generations, cells, inputs.bench, results);
  await replaceFile(folder.tableFile, renderStudyTable(file));
  const findings = file.findings ?? NO_FINDINGS;
  await replaceFile(folder.tableCsvFile, renderCsv(findingsTable(findings)));
  await replaceFile(folder.testsCsvFile, renderCsv(testsTable(findings)));
  await replaceFile(folder.pageFile, renderStudyPage(file));
  return file;
}

interface Inputs {
  modelPath: string;
  featureModelPath: string | null;
  bench: Bench;
  model: StudyFile['model'];
  facts: DomainFacts[];
}

/** Opens what the study names, and warns of settings that the data do not fit. */
async function openInputs(study: Study, setting: StudySetting, chatDate: Date, hooks: StudyHooks): Promise<Inputs> {
  const modelPath = await resolveModelPath(setting.model, hooks.onWarning);
  const header = await openHeader(modelPath);
  if (header.tokenizer !== undefined) header.tokenizer.chatDate = chatDate;
  const domains = await loadDomains(setting, header, study.name === 'images');
  new Set(domains.flatMap(({ train, warnings = [] }) => [...warnings, ...configWarnings(setting.config, train.length)])).forEach(
    (message) => hooks.onWarning?.(message),
  );
  warnOfFewContexts(study, domains, hooks);
  const featureModelPath =
    setting.featureModel === null ? null : await openFeatureModel(setting.featureModel, setting, header, domains, hooks);
  return {
    modelPath,
    featureModelPath,
    bench: { setting, header, domains, featureModel: featureModelPath && (await nameFeatureModel(featureModelPath)) },
    model: { path: modelPath, type: header.config.modelType, files: await hashModel(modelPath) },
    facts: domains.map((domain) => domainFacts(setting, domain)),
  };
}

/** Before hours are spent on a comparison that cannot show much. */
function warnOfFewContexts({ name }: Study, domains: readonly Domain[], { onWarning = () => {} }: StudyHooks): void {
  if (name === 'downstream' || name === 'probe') return;
  const warning = fewPairsWarning(Math.min(...domains.map(({ contexts }) => contexts.length)), 'contexts');
  if (warning !== null) onWarning(warning);
}

async function openFeatureModel(
  path: string,
  { config, model }: StudySetting,
  header: ModelHeader,
  domains: readonly Domain[],
  { onWarning = () => {} }: StudyHooks,
): Promise<string> {
  if (header.tokenizer === undefined)
    throw new HyperfitError(
      'ERR_TOKENIZER',
      `expected a tokenizer beside the model ${model} for --feature-model, which compares texts, got none`,
    );
  const { contexts } = domains[0]!;
  const newTokens = config.maxNewTokens;
  await checkFeatureModel(
    path,
    { usable: contexts.filter(({ original }) => original.length >= newTokens).length, all: contexts.length, newTokens },
    onWarning,
  );
  return resolveModelPath(path, onWarning);
}

/** Weights of random beginnings serve no other study. */
function keepForOthers(cell: Cell): Cell {
  if (cell.kind !== 'train' || cell.start === 'random') return cell;
  return { ...cell, keep: cell.evaluateAtSteps.length > 0 ? 'end-and-best' : 'end' };
}

/** Everything that decides what a cell finds, beside its own description. */
function hashInputs(setting: StudySetting, { model, facts }: Inputs): HashInputs {
  const {
    out: _out,
    resume: _resume,
    allowChanges: _allowChanges,
    tensorboard: _tensorboard,
    threads: _threads,
    recompute: _recompute,
    weightDtype: _weightDtype,
    model: _model,
    data: _data,
    heldOut: _heldOut,
    ...config
  } = setting.config;
  const { device, computeDtype } = config;
  const [version, files] = [packageVersion(), Object.values(model.files)];
  return {
    all: { version, files, domains: facts.map((domain) => ({ ...domain, data: '', heldOut: '' })), config: asEver(config) },
    ofTraining: ({ domain, samples, settings, start, repeat }) => ({
      version,
      files,
      device,
      computeDtype,
      start,
      repeat,
      samples,
      train: facts.find(({ name }) => name === domain)!.train,
      settings: asEver(trainSettingsOf(setting, settings)),
    }),
  };
}

/** Without settings that came later, where they change nothing: cells that were found before are known again. */
function asEver<Settings extends { quantize: unknown; optim: unknown; stepInBackward: unknown }>(settings: Settings): Partial<Settings> {
  const { quantize, optim, stepInBackward: _stepInBackward, ...rest } = settings;
  return { ...(quantize !== null && { quantize }), ...(optim !== 'adamw' && { optim }), ...rest } as unknown as Partial<Settings>;
}

/** A study that is taken up again keeps its birth, and the date that its dialogues were rendered with: cells are known by their data. */
async function earlierStart(folder: StudyFolder): Promise<Pick<Partial<StudyFile>, 'startedAt' | 'chatDate'>> {
  if (!existsSync(folder.studyFile)) return {};
  const { startedAt, chatDate } = JSON.parse(await readText(folder.studyFile)) as Record<string, unknown>;
  return given({
    startedAt: typeof startedAt === 'string' ? startedAt : undefined,
    chatDate: typeof chatDate === 'string' ? chatDate : undefined,
  });
}

async function writeStudyJson(folder: StudyFolder, file: StudyFile): Promise<void> {
  await replaceFile(folder.studyFile, `${JSON.stringify(file, null, 1)}\n`);
}
