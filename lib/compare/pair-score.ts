import { bootstrapMean, type BootstrapInterval } from '../evaluate/bootstrap.ts';
import { fleissKappa, type FleissKappa } from '../evaluate/fleiss-kappa.ts';
import { signTest, type SignTest } from '../evaluate/sign-test.ts';
import { wilsonInterval, type ProportionInterval } from '../evaluate/wilson.ts';
import { groupBy } from './groups.ts';
import type { Vote } from './vote.ts';

/** A share of answers in [0, 1], with an interval that draws whole contexts, and one that takes every answer as independent. */
export interface Share {
  /** From 0 to 1. */
  share: number;
  /** Draws whole contexts. */
  bootstrap: BootstrapInterval;
  /** Takes every answer as independent. */
  wilson: ProportionInterval;
}

/** Two variants against each other, over all answers to items that show both. */
export interface PairScore {
  /** The first of the two. */
  first: string;
  /** The second of the two. */
  second: string;
  /** How many answers were counted. */
  answers: number;
  /** How many items were answered. */
  items: number;
  /** How many readers answered. */
  annotators: number;
  /** Answers for the first. */
  wins: number;
  /** Answers for neither. */
  ties: number;
  /** Answers for the second. */
  losses: number;
  /** Share of wins. */
  win: Share;
  /** Share of ties. */
  tie: Share;
  /** Share of losses. */
  loss: Share;
  /** Share of answers that prefer the named text or call both equal: the paper's percentage, for either side. */
  preferredOrEqual: { first: Share; second: Share };
  /** Mean of 1 for a win, 0.5 for a tie, 0 for a loss of the first. */
  points: BootstrapInterval;
  /**
   * Over items, each by the sum of its answers, since answers to one item are not independent. `holmP` is adjusted over the pairs of the
   * study.
   */
  signTest: SignTest & { holmP: number };
  /** Agreement; null where no item has two answers. */
  kappa: FleissKappa | null;
}

export interface BootstrapSettings {
  seed: number;
  resamples: number;
}

/** The figures of one pair, but for the adjustment over pairs. `votes` must not be empty. */
export function scorePair(
  [first, second]: readonly [string, string],
  votes: readonly Vote[],
  settings: BootstrapSettings,
): Omit<PairScore, 'signTest'> & { signTest: SignTest } {
  const clusters = votes.map(({ context }) => context);
  const share = (counts: (outcome: number) => boolean): Share => {
    const values = votes.map(({ outcome }) => (counts(outcome) ? 1 : 0) as number);
    const total = values.reduce((sum, value) => sum + value, 0);
    return {
      share: total / values.length,
      bootstrap: bootstrapMean(values, { ...settings, clusters })!,
      wilson: wilsonInterval(total, values.length)!,
    };
  };
  const count = (wanted: number): number => votes.filter(({ outcome }) => outcome === wanted).length;
  const byItem = groupByItem(votes);
  return {
    first,
    second,
    answers: votes.length,
    items: byItem.length,
    annotators: new Set(votes.map(({ annotator }) => annotator)).size,
    wins: count(1),
    ties: count(0),
    losses: count(-1),
    win: share((outcome) => outcome === 1),
    tie: share((outcome) => outcome === 0),
    loss: share((outcome) => outcome === -1),
    preferredOrEqual: { first: share((outcome) => outcome >= 0), second: share((outcome) => outcome <= 0) },
    points: bootstrapMean(
      votes.map(({ outcome }) => (outcome + 1) / 2),
      { ...settings, clusters },
    )!,
    signTest: signTest(byItem.map((outcomes) => outcomes.reduce((sum, outcome) => sum + outcome, 0))),
    kappa: fleissKappa(byItem.map(outcomeCounts)),
  };
}

/** The outcomes of each item. */
export function groupByItem(votes: readonly Vote[]): number[][] {
  return [...groupBy(votes, ({ item }) => item).values()].map((group) => group.map(({ outcome }) => outcome));
}

/** How many answers said win, tie, loss. */
export function outcomeCounts(outcomes: readonly number[]): number[] {
  return [1, 0, -1].map((wanted) => outcomes.filter((outcome) => outcome === wanted).length);
}
