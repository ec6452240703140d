import { basename, extname } from 'node:path';
import { Argument, InvalidArgumentError, Option, type Command } from 'commander';
import { BLOCKER_FIELDS, type FieldName } from '../../config/fields.ts';
import { PRESET_NAMES } from '../../config/presets.ts';
import { PATCH_RANKS } from '../../run/patch-ranks.ts';
import { STUDY_NAMES } from '../../study/study.ts';
import { addFieldOptions, addTableOptions, numberWithin, wholeNumber } from '../options.ts';
import type { OutputOptions } from '../output.ts';

/** Settings of a run that a study takes too. */
export const STUDY_FIELDS: readonly FieldName[] = [
  'samples',
  'sampleSelection',
  'sequenceLength',
  'windows',
  'unwrap',
  'batchSize',
  'learningRate',
  'warmupSteps',
  'weightDecay',
  'maxGradNorm',
  'epochs',
  'maxSteps',
  'targetLoss',
  'seed',
  'device',
  'computeDtype',
  'threads',
  'heldOutSamples',
  'contextLength',
  ...BLOCKER_FIELDS,
  'topP',
  'temperature',
  'topK',
  'optim',
  'loraRank',
  'loraAlpha',
  'loraTargets',
  'loraLayers',
  'quantize',
];

export interface Named {
  name: string;
  path: string;
}

export interface StudyOptions extends OutputOptions {
  list?: boolean;
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
    .description(
      'Run an experiment of the paper on any model: cells that can be interrupted, a table beside the published values, a page with plots.',
    )
    .usage('[options] <name>')
    .addArgument(new Argument('[name]', 'which experiment').choices(STUDY_NAMES))
    .requiredOption(
      '--model <path>',
      'the original model: a name of the Hugging Face hub (org/name, hf:org/name:Q4_K_M), a folder, a .gguf file, a run or a checkpoint',
    )
    .addOption(
      new Option('--data <[name=]path>', 'text to hyperfit on; repeat it where a study compares domains')
        .argParser(namedPaths)
        .makeOptionMandatory(),
    )
    .addOption(
      new Option(
        '--held-out <[name=]path>',
        'text that is not trained on, by the same names; without it, what training leaves over',
      ).argParser(namedPaths),
    )
    .requiredOption('--out <dir>', 'folder of the study; one that was interrupted is gone on with')
    .option('--preset <name>', `a recipe that the flags adjust: ${PRESET_NAMES.join(', ')}`)
    .option('--contexts <N>', 'beginnings to continue (default: 32, preset paper: 300)', wholeNumber(1))
    .option('--new-tokens <N>', 'tokens of a continuation (default: 96)', wholeNumber(1))
    .addOption(new Option('--seeds <list>', 'seeds of the order of training, one run each (default: 0,1)').argParser(numberList(0)));
  // What a study needs is not asked for by a list of them.
  command.addOption(new Option('--list', 'name the studies, with the question of each, and end').implies({ model: '', data: [], out: '' }));
  addStudySpecific(command);
  addTableOptions(addFieldOptions(command, STUDY_FIELDS))
    .addHelpText(
      'after',
      '\nA target loss counts only when it is given as a flag: experiments run to their last epoch.\n\nExample:\n  hyperfit study curve --model HuggingFaceTB/SmolLM2-135M-Instruct --data novel=novel.txt --preset demo --seeds 0,1 --out studies/curve',
    )
    .action(async (name: string | undefined, options: StudyOptions, command: Command) => {
      if (name === undefined && options.list !== true)
        command.error("error: missing required argument 'name'", { code: 'commander.missingArgument' });
      const { listStudies, study } = await import('../actions/study.ts');
      return options.list === true ? listStudies(options) : study(name!, options);
    });
}

function addStudySpecific(command: Command): void {
  command
    .addOption(new Option('--sizes <list>', 'quantity: sizes of the nested subsets (default: 8,16,32,64,128)').argParser(numberList(1)))
    .addOption(new Option('--ranks <list>', `rank: ranks of the patches (default: ${PATCH_RANKS.join(',')})`).argParser(numberList(1)))
    .addOption(
      new Option('--rates <list>', 'sweep: learning rates (default: a third, once and three times the rate)').argParser(positiveList),
    )
    .option('--decay <X>', 'grokking: weight decay of the decayed runs (default: 0.1)', numberWithin(0))
    .option('--contrast-sequences <N>', 'temperature: held-out sequences compared layer by layer (default: 8)', wholeNumber(1))
    .option('--feature-model <path>', 'quality, rank: a model that reads texts, best one that wrote none of them, for MAUVE')
    .option('--text <text>', 'probe: the text whose next tokens are looked at')
    .option('--word <word>', 'probe: whether it occurs in the training samples')
    .addOption(
      new Option(
        '--task <[name=]path>',
        'downstream, rank: multiple-choice lines of {"question", "choices", "answer"}; may be repeated',
      ).argParser(namedPaths),
    )
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
  if (values.some((value) => !(value > 0 && Number.isFinite(value))))
    throw new InvalidArgumentError('expected numbers above 0, such as 1e-5,1e-4.');
  return values;
}
