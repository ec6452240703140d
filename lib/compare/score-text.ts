import type { BootstrapInterval } from '../evaluate/bootstrap.ts';
import type { AnnotatorScore, SideBias } from './annotator-score.ts';
import type { PairScore, Share } from './pair-score.ts';
import type { GroupScore, StudyScore } from './score.ts';

/**
 * The score for a terminal; judges stand apart from people and say what they are.
 *
 * @example
 * const study = await readStudy('study.key.json');
 * const score = scoreStudy(await readStudyKey('study.key.json'), await readAnswers('answers.jsonl', study));
 * console.log(renderScore(score));
 */
export function renderScore(score: StudyScore): string {
  const identical = score.identical === 0 ? '' : `; ${score.identical} pairs of equal texts were not asked`;
  const head = `${score.title}\nstudy ${score.study}, ${score.items} items${identical}`;
  const signatures = Object.entries(score.signatures).map(([name, signature]) => `${name}: ${signature}`);
  return [head, plainWords(score), ...score.groups.map(renderGroup), signatures.join('\n')].join('\n\n');
}

/** What came out, a sentence for each pair and kind of reader, before any figure. */
function plainWords({ groups }: StudyScore): string {
  return groups
    .flatMap((group) =>
      group.pairs.map((pair) => inWords(group.kind === 'people' ? 'People' : `The judge ${group.name.replace(/^judge:/, '')}`, pair)),
    )
    .join('\n');
}

/** Below so many items a preference that is there is mostly missed. */
const ENOUGH_ITEMS = 20;

function inWords(who: string, { first, second, wins, losses, ties, answers, items, signTest }: PairScore): string {
  const [better, worse, more] = losses > wins ? [second, first, losses] : [first, second, wins];
  const even = ties === 0 ? '' : `, ${ties} even`;
  const verdict =
    signTest.holmP <= 0.05
      ? `more than chance gives (p ${probability(signTest.holmP)})`
      : items < ENOUGH_ITEMS
        ? 'too few to say'
        : `no difference shown (p ${probability(signTest.holmP)})`;
  return `${who} preferred ${better} to ${worse} ${more} of ${answers} times${even}: ${verdict}.`;
}

function renderGroup(group: GroupScore): string {
  const title = group.kind === 'people' ? `PEOPLE (${group.annotators.length})` : `${group.name}: LANGUAGE-MODEL JUDGE, NOT PEOPLE`;
  const replaced = group.replaced === 0 ? '' : `, ${group.replaced} earlier ones replaced`;
  const kappa = group.annotators.length < 2 ? [] : [renderKappa(group.kappa)];
  return [
    `${title}: ${group.answers} answers${replaced}`,
    ...group.pairs.map(renderPair),
    ...kappa,
    renderStrengths(group),
    `side A preferred: ${renderBias(group.sideBias)}`,
    renderTable(['annotator', 'answers', 'equal', 'side A', 'median s', 'agrees'], group.annotators.map(annotatorRow)),
  ].join('\n');
}

function renderPair(pair: PairScore): string {
  const { first, second, signTest } = pair;
  return [
    `\n${first}  against  ${second}: ${pair.answers} answers to ${pair.items} items by ${pair.annotators}`,
    renderTable(
      ['', 'count', 'share', 'bootstrap 95 %', 'Wilson 95 %'],
      [
        ['win', String(pair.wins), ...shareCells(pair.win)],
        ['tie', String(pair.ties), ...shareCells(pair.tie)],
        ['loss', String(pair.losses), ...shareCells(pair.loss)],
        ['preferred or equal', String(pair.wins + pair.ties), ...shareCells(pair.preferredOrEqual.first)],
      ],
    ),
    `sign test over items: ${signTest.wins} won, ${signTest.losses} lost, ${signTest.ties} even; p ${equation(signTest.p)}, Holm ${equation(signTest.holmP)}`,
  ].join('\n');
}

function shareCells({ share, bootstrap, wilson }: Share): string[] {
  return [percent(share), range(bootstrap), range(wilson)];
}

function renderKappa(kappa: GroupScore['kappa']): string {
  if (kappa === null) return "\nFleiss' kappa: no item has two answers";
  return `\nFleiss' kappa: ${kappa.kappa === null ? 'undefined, every answer is the same' : kappa.kappa.toFixed(3)} over ${kappa.items} items with ${kappa.answers} answers (observed ${percent(kappa.observed)}, by chance ${percent(kappa.expected)})`;
}

function renderStrengths({ bradleyTerry, bradleyTerryReason }: GroupScore): string {
  if (bradleyTerry === null) return `Bradley-Terry: none; ${bradleyTerryReason}`;
  const strengths = bradleyTerry.strengths.map(
    ({ name, logStrength, standardError }) =>
      `${name} ${logStrength.toFixed(2)}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`,
  );
  return `Bradley-Terry log-strengths: ${strengths.join(', ')}`;
}

function renderBias({ a, b, share, p }: SideBias): string {
  return share === null ? 'no preference given' : `${a} of ${a + b}, ${percent(share.share)} (Wilson ${range(share)}), p ${equation(p)}`;
}

function annotatorRow({ name, answers, equal, sideBias, medianSeconds, agreement }: AnnotatorScore): string[] {
  return [
    name,
    String(answers),
    percent(equal),
    sideBias.share === null ? '-' : percent(sideBias.share.share),
    medianSeconds.toFixed(1),
    agreement === null ? '-' : percent(agreement),
  ];
}

/** The first column to the left, the others to the right. */
function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const range = ({ low, high }: Pick<BootstrapInterval, 'low' | 'high'>): string => `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`;
const equation = (p: number): string => (p < 0.001 ? probability(p) : `= ${probability(p)}`);
const probability = (p: number): string => (p < 0.001 ? '< 0.001' : p.toFixed(3));
