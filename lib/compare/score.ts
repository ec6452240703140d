import { HyperfitError, isHyperfitError } from '../errors.ts';
import { bootstrapSignature } from '../evaluate/bootstrap.ts';
import { BRADLEY_TERRY_SIGNATURE, bradleyTerry, type BradleyTerry } from '../evaluate/bradley-terry.ts';
import { FLEISS_KAPPA_SIGNATURE, fleissKappa, type FleissKappa } from '../evaluate/fleiss-kappa.ts';
import { holm, HOLM_SIGNATURE } from '../evaluate/holm.ts';
import { SIGN_TEST_SIGNATURE } from '../evaluate/sign-test.ts';
import { wilsonSignature } from '../evaluate/wilson.ts';
import { scoreAnnotators, sideBias, type AnnotatorScore, type SideBias } from './annotator-score.ts';
import { isJudge, latestAnswers, type Answer } from './answer.ts';
import { groupBy } from './groups.ts';
import { groupByItem, outcomeCounts, scorePair, type BootstrapSettings, type PairScore } from './pair-score.ts';
import type { StudyKey } from './study.ts';
import { toVotes, type Vote } from './vote.ts';

/** The answers of people, or those of one judge; never both together. */
export interface GroupScore {
  /** Who answered. */
  kind: 'people' | 'language-model judge, not people';
  /** `people`, or `judge:` and the model. */
  name: string;
  /** How many answers were counted. */
  answers: number;
  /** Answers replaced by later ones of the same annotator. */
  replaced: number;
  /** Each pair of variants. */
  pairs: PairScore[];
  /** Over all items of all pairs. */
  kappa: FleissKappa | null;
  /** Null with the reason beside it when strengths would be infinite. */
  bradleyTerry: BradleyTerry | null;
  /** Why there are no strengths. */
  bradleyTerryReason?: string;
  /** Whether the left text was preferred as such. */
  sideBias: SideBias;
  /** Readers who answered. */
  annotators: AnnotatorScore[];
}

/** What answers say of the variants of a study; people and language models apart. */
export interface StudyScore {
  /** Of this form; a higher one may have more. */
  schemaVersion: 1;
  /** Id of the study. */
  study: string;
  /** Shown above it. */
  title: string;
  /** Items of the study, and pairs of texts that were the same and not asked. */
  items: number;
  /** Items left out, as both texts are the same. */
  identical: number;
  /** People, then each judge. */
  groups: GroupScore[];
  /** How each was computed, for a table. */
  signatures: Record<string, string>;
}

/**
 * Scores the answers to a study; equal for equal answers and seed. Sources: paper, sections 5 and 9, and those named at each statistic.
 * @throws HyperfitError ERR_DATA without answers
 *
 * @example
 * const key = await readStudyKey('study.key.json');
 * console.log(renderScore(scoreStudy(key, await readAnswers('answers.jsonl', await readStudy('study.html')))));
 */
export function scoreStudy(
  key: StudyKey,
  answers: readonly Answer[],
  { seed = 0, resamples = 2000 }: Partial<BootstrapSettings> = {},
): StudyScore {
  if (answers.length === 0)
    throw new HyperfitError('ERR_DATA', 'expected answers to score, got none; let somebody answer the page and export');
  checkItems(key, answers);
  const people = answers.filter(({ annotator }) => !isJudge(annotator));
  const judges = groupBy(
    answers.filter(({ annotator }) => isJudge(annotator)),
    ({ annotator }) => annotator,
  );
  const groups = [...(people.length > 0 ? [['people', people] as const] : []), ...judges];
  return {
    schemaVersion: 1,
    study: key.study,
    title: key.title,
    items: key.items.length,
    identical: key.identical,
    groups: groups.map(([name, given]) => scoreGroup(name, given, key, { seed, resamples })),
    signatures: {
      bootstrap: `${bootstrapSignature({ seed, resamples })}`.replace('clusters:none', 'clusters:contexts'),
      wilson: wilsonSignature(),
      signTest: `${SIGN_TEST_SIGNATURE}|unit:item`,
      holm: `${HOLM_SIGNATURE}|over:pairs`,
      kappa: `${FLEISS_KAPPA_SIGNATURE}|categories:win-tie-loss`,
      bradleyTerry: BRADLEY_TERRY_SIGNATURE,
    },
  };
}

function checkItems(key: StudyKey, answers: readonly Answer[]): void {
  const items = new Set(key.items.map(({ id }) => id));
  const stray = answers.find(({ study, item }) => study !== key.study || !items.has(item));
  if (stray !== undefined)
    throw new HyperfitError(
      'ERR_DATA',
      `expected answers to study ${key.study}, got one to item ${stray.item} of study ${stray.study}; use the key of their study`,
    );
}

function scoreGroup(name: string, given: readonly Answer[], key: StudyKey, settings: BootstrapSettings): GroupScore {
  const answers = latestAnswers(given);
  const votes = toVotes(answers, key);
  return {
    kind: isJudge(name) ? 'language-model judge, not people' : 'people',
    name,
    answers: answers.length,
    replaced: given.length - answers.length,
    pairs: scorePairs(votes, key, settings),
    kappa: fleissKappa(groupByItem(votes).map(outcomeCounts)),
    ...strengths(votes, key),
    sideBias: sideBias(answers),
    annotators: scoreAnnotators(answers, votes),
  };
}

/** Pairs nobody has answered are left out. */
function scorePairs(votes: readonly Vote[], key: StudyKey, settings: BootstrapSettings): PairScore[] {
  const byPair = groupBy(votes, ({ pair }) => pair);
  const scores = key.pairs.flatMap((pair, index) => {
    const own = byPair.get(index);
    return own === undefined ? [] : [scorePair(pair, own, settings)];
  });
  const adjusted = holm(scores.map(({ signTest }) => signTest.p));
  return scores.map((score, index) => ({ ...score, signTest: { ...score.signTest, holmP: adjusted[index]! } }));
}

function strengths(votes: readonly Vote[], key: StudyKey): Pick<GroupScore, 'bradleyTerry' | 'bradleyTerryReason'> {
  const matches = votes.map(({ pair, outcome }) => ({ first: key.pairs[pair]![0], second: key.pairs[pair]![1], score: (outcome + 1) / 2 }));
  try {
    return { bradleyTerry: bradleyTerry(matches) };
  } catch (error) {
    if (!isHyperfitError(error)) throw error;
    return { bradleyTerry: null, bradleyTerryReason: error.message };
  }
}
