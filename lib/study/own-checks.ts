import { HyperfitError } from '../errors.ts';
import { normalizeGenerateOptions } from '../generate/options.ts';
import { slugOf, type OwnName, type StudyMetric, type StudyWriter } from './own.ts';

/** Options that are the study's own. */
const OF_THE_STUDY = ['maxNewTokens', 'minNewTokens', 'stopIds', 'stopStrings', 'signal', 'onToken', 'addSpecialTokens', 'tokenStats'];

/** @throws HyperfitError ERR_CONFIG naming each metric and writer that does not fit */
export function checkOwn(metrics: readonly StudyMetric[], writers: readonly StudyWriter[]): void {
  const problems = [
    ...namesOf('metrics', metrics),
    ...namesOf('writers', writers),
    ...metrics.flatMap(({ name, measure, digits = 3 }) => [
      ...(typeof measure === 'function' ? [] : [`expected a function for \`measure\` of the metric ${name}, got ${typeof measure}`]),
      ...(Number.isInteger(digits) && digits >= 0 && digits <= 10
        ? []
        : [`expected a whole number from 0 to 10 for \`digits\` of the metric ${name}, got ${digits}`]),
    ]),
    ...writers.flatMap(writerProblems),
  ];
  if (problems.length > 0) throw new HyperfitError('ERR_CONFIG', problems.join('; '));
}

function namesOf(list: string, all: readonly OwnName[]): string[] {
  const slugs = all.map(({ name }) => (typeof name === 'string' ? slugOf(name) : ''));
  return [
    ...(slugs.includes('')
      ? [`expected a name with a letter or a digit for each of \`${list}\`, got ${all.map(({ name }) => JSON.stringify(name)).join(', ')}`]
      : []),
    ...(new Set(slugs).size === slugs.length
      ? []
      : [`expected different names in \`${list}\`, got ${all.map(({ name }) => name).join(', ')}`]),
    ...all
      .filter(({ version }) => !(typeof version === 'string' && version !== '') && !Number.isFinite(version))
      .map(
        ({ name, version }) =>
          `expected a \`version\` (a text or a number) of ${name}, got ${JSON.stringify(version) ?? 'undefined'}; finished work is known by it, since functions cannot be compared`,
      ),
  ];
}

function writerProblems({ name, weights = 'hyperfitted', options, write }: StudyWriter): string[] {
  const foreign = Object.keys(options ?? {}).filter((option) => OF_THE_STUDY.includes(option));
  if (write !== undefined && typeof write !== 'function') return [`expected a function for \`write\` of ${name}, got ${typeof write}`];
  if ((options === undefined) === (write === undefined))
    return [`expected either \`options\` or \`write\` of the way of writing ${name}, got ${options === undefined ? 'neither' : 'both'}`];
  if (weights !== 'original' && weights !== 'hyperfitted')
    return [`expected 'original' or 'hyperfitted' for \`weights\` of ${name}, got ${JSON.stringify(weights)}`];
  if (foreign.length > 0) return [`expected no ${foreign.join(', ')} in \`options\` of ${name}, got some; they are the study's`];
  if (options !== undefined) normalizeGenerateOptions(options);
  return [];
}
