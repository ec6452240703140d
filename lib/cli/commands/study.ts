import { basename, extname } from 'node:path';
import { Argument, CommanderError, InvalidArgumentError, Option, type Command } from 'commander';
import { BLOCKER_FIELDS, type FieldName } from '../../config/fields.ts';
import { counted } from '../../config/counted.ts';
import { given } from '../../config/given.ts';
import { environmentLayer, presetLayer } from '../../config/layers.ts';
import { PRESET_NAMES } from '../../config/presets.ts';
import { HyperfitError } from '../../errors.ts';
import { PATCH_RANKS } from '../../run/patch.ts';
import { NO_FINDINGS } from '../../study/findings.ts';
import { findingsTable } from '../../study/findings-csv.ts';
import { runStudy } from '../../study/run-study.ts';
import { normalizeSetting, type DomainSource, type StudySetting } from '../../study/setting.ts';
import { AVAILABLE, findStudy } from '../../study/studies.ts';
import type { StudyFile } from '../../study/study-file.ts';
import { EXIT } from '../exit-codes.ts';
import { addFieldOptions, addTableOptions, fieldValues, numberWithin, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { StudyView } from '../study-view.ts';

/** Settings of a run that a study takes too. */
const STUDY_FIELDS: readonly FieldName[] = [
  'samples', 'sampleSelection', 'sequenceLength', 'windows', 'unwrap', 'batchSize', 'learningRate', 'warmupSteps', 'weightDecay', 'maxGradNorm', 'epochs', 'maxSteps', 'targetLoss', 'seed',
  'device', 'computeDtype', 'threads', 'heldOutSamples', 'contextLength', ...BLOCKER_FIELDS, 'topP', 'temperature', 'topK',
  'loraRank', 'loraAlpha', 'loraTargets', 'loraLayers', 'quantize',
];

interface Named {
  name: string;
  path: string;
}

interface StudyOptions extends OutputOptions {
  model: string;
  data: Named[];
  heldOut?: Named[];
  out: string;
  preset?: string;
  contexts?: number;
  newTokens?: number;
  seeds?: number[];
  sizes?: number[];
  ranks?: number[];
  rates?: number[];
  decay?: number;
  contrastSequences?: number;
  text?: string;
  word?: string;
  task?: Named[];
  keepModels?: boolean;
  share?: string;
  featureModel?: string;
  [field: string]: unknown;
}

export function addStudyCommand(program: Command): void {
  const command = program
    .command('study')
    .description('Run an experiment of the paper on any model: cells that can be interrupted, a table beside the published values, a page with plots.')
    .addArgument(new Argument('<name>', 'which experiment').choices(AVAILABLE))
    .requiredOption('--model <path>', 'the original model: a name of the Hugging Face hub (org/name, hf:org/name:Q4_K_M), a folder, a .gguf file, a run or a checkpoint')
    .addOption(new Option('--data <[name=]path>', 'text to hyperfit on; repeat it where a study compares domains').argParser(namedPaths).makeOptionMandatory())
    .addOption(new Option('--held-out <[name=]path>', 'text that is not trained on, by the same names; without it, what training leaves over').argParser(namedPaths))
    .requiredOption('--out <dir>', 'folder of the study; one that was interrupted is gone on with')
    .option('--preset <name>', `a recipe that the flags adjust: ${PRESET_NAMES.join(', ')}`)
    .option('--contexts <N>', 'beginnings to continue (default: 32, preset paper: 300)', wholeNumber(1))
    .option('--new-tokens <N>', 'tokens of a continuation (default: 96)', wholeNumber(1))
    .addOption(new Option('--seeds <list>', 'seeds of the order of training, one run each (default: 0,1)').argParser(numberList(0)));
  addList(command);
  addStudySpecific(command);
  addTableOptions(addFieldOptions(command, STUDY_FIELDS))
    .addHelpText('after', '\nA target loss counts only when it is given as a flag: experiments run to their last epoch.\n\nExample:\n  hyperfit study curve --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel=novel.txt --preset demo --seeds 0,1 --out studies/curve')
    .action(study);
}

/** Read before what a study needs is asked for. */
function addList(command: Command): void {
  command.option('--list', 'name the studies, with the question of each, and end').on('option:list', () => {
    const width = Math.max(...AVAILABLE.map(({ length }) => length));
    process.stdout.write(AVAILABLE.map((name) => `${name.padEnd(width)}  ${findStudy(name)!.question}\n`).join(''));
    throw new CommanderError(EXIT.ok, 'hyperfit.list', 'listed');
  });
}

function addStudySpecific(command: Command): void {
  command
    .addOption(new Option('--sizes <list>', 'quantity: sizes of the nested subsets (default: 8,16,32,64,128)').argParser(numberList(1)))
    .addOption(new Option('--ranks <list>', `rank: ranks of the patches (default: ${PATCH_RANKS.join(',')})`).argParser(numberList(1)))
    .addOption(new Option('--rates <list>', 'sweep: learning rates (default: a third, once and three times the rate)').argParser(positiveList))
    .option('--decay <X>', 'grokking: weight decay of the decayed runs (default: 0.1)', numberWithin(0))
    .option('--contrast-sequences <N>', 'temperature: held-out sequences compared layer by layer (default: 8)', wholeNumber(1))
    .option('--feature-model <path>', 'quality, rank: a model that reads texts, best one that wrote none of them, for MAUVE')
    .option('--text <text>', 'probe: the text whose next tokens are looked at')
    .option('--word <word>', 'probe: whether it occurs in the training samples')
    .addOption(new Option('--task <[name=]path>', 'downstream, rank: multiple-choice lines of {"question", "choices", "answer"}; may be repeated').argParser(namedPaths))
    .option('--keep-models', 'keep the hyperfitted weights in the folder of the study')
    .option('--share <dir>', 'folder where studies leave trainings and other cells for each other; weights stay in it');
}

/** `name=path`, or a path that is named after its file. */
function namedPaths(text: string, before: Named[] = []): Named[] {
  const [, name, path] = /^([A-Za-z0-9_-]+)=(.+)$/.exec(text) ?? [];
  if (path !== undefined) return [...before, { name: name!, path }];
  const plain = basename(text, extname(text)).replaceAll(/[^A-Za-z0-9_-]+/g, '-');
  if (plain === '') throw new InvalidArgumentError('expected a path, or a name and a path such as fiction=novels.txt.');
  return [...before, { name: plain, path: text }];
}

function numberList(least: number): (text: string) => number[] {
  return (text) => text.split(',').map(wholeNumber(least));
}

function positiveList(text: string): number[] {
  const values = text.split(',').map(Number);
  if (values.some((value) => !(value > 0 && Number.isFinite(value)))) throw new InvalidArgumentError('expected numbers above 0, such as 1e-5,1e-4.');
  return values;
}

async function study(name: string, options: StudyOptions): Promise<void> {
  const output = new Output(options);
  const view = new StudyView(output);
  try {
    const file = await runStudy(findStudy(name)!, settingOf(options), view.hooks);
    view.clear();
    output.result({ ...file, folder: options.out }, () => renderOutcome(file, options.out), () => findingsTable(file.findings ?? NO_FINDINGS));
  } finally {
    view.clear();
  }
}

function settingOf(options: StudyOptions): StudySetting {
  const { contexts, newTokens, model, data, out, seeds, sizes, ranks, rates, decay, contrastSequences, text, word, task, keepModels, share, featureModel } = options;
  const flags = { ...fieldValues(options, STUDY_FIELDS), ...given({ comparisonContexts: contexts, maxNewTokens: newTokens }) };
  const preset = options.preset === undefined ? [] : [presetLayer(options.preset)];
  return normalizeSetting({
    model,
    out,
    domains: domainsOf(data, options.heldOut ?? []),
    layers: [{ name: 'flags', values: flags }, environmentLayer(process.env), ...preset],
    ...given({ seeds, sizes, ranks, rates, decay, contrastSequences, keepModels, share, featureModel, probeText: text, probeWord: word, tasks: task }),
  });
}

/** With a single domain the held-out text needs no name. */
function domainsOf(data: readonly Named[], heldOut: readonly Named[]): DomainSource[] {
  const only = data.length === 1 && heldOut.length === 1;
  const stranger = heldOut.find(({ name }) => !only && !data.some((domain) => domain.name === name));
  if (stranger !== undefined) throw new HyperfitError('ERR_CONFIG', `expected held-out text of one of the domains ${data.map(({ name }) => name).join(', ')}, got ${stranger.name}; name it, as in --held-out ${data[0]!.name}=${stranger.path}`);
  return data.map(({ name, path }) => ({ name, data: path, heldOut: (only ? heldOut[0] : heldOut.find((held) => held.name === name))?.path ?? null }));
}

function renderOutcome({ cells, findings }: StudyFile, out: string): string {
  return `${counted(cells.length, 'cell')}, ${counted(findings?.rows.length ?? 0, 'row')}\n${out}/study.json\n${out}/table.md\n${out}/table.csv\n${out}/tests.csv\n${out}/index.html`;
}
