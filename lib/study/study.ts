import type { Cell } from './cell.ts';
import type { CellResult, ResultOf, TextCellResult } from './cell-results.ts';
import type { Domain, ModelHeader } from './domain.ts';
import type { Findings } from './findings.ts';
import type { SumsRun, TextRun } from './measured.ts';
import type { StudySetting } from './setting.ts';
import type { Written } from './written.ts';

export const STUDY_NAMES = [
  'curve',
  'quality',
  'diversity',
  'sharpness',
  'probe',
  'order',
  'domains',
  'quantity',
  'length',
  'images',
  'downstream',
  'temperature',
  'sweep',
  'grokking',
  'quantization',
  'rank',
] as const;
/** One of `STUDY_NAMES`. */
export type StudyName = (typeof STUDY_NAMES)[number];

/** What a study is planned and concluded from. */
export interface Bench {
  setting: StudySetting;
  header: ModelHeader;
  domains: readonly Domain[];
  /** What signatures call the model that reads texts for MAUVE; null without one. */
  featureModel: string | null;
}

/** One experiment: which cells it takes, and what they say together. */
export interface Study {
  name: StudyName;
  title: string;
  /** The claim or question, in a sentence or two. */
  question: string;
  /** Cells in the order of running; each stands after those it needs. */
  plan(bench: Bench): Cell[] | Promise<Cell[]>;
  conclude(bench: Bench, results: Results): Findings;
  /** What it writes, for metrics and ways of writing of the caller's own; left out where it keeps no texts that are compared. */
  written?(bench: Bench): Written;
}

/** What the cells of a study found. */
export class Results {
  readonly #results: ReadonlyMap<string, { kind: Cell['kind']; result: CellResult }>;

  constructor(results: ReadonlyMap<string, { kind: Cell['kind']; result: CellResult }>) {
    this.#results = results;
  }

  get<K extends Cell['kind']>(id: string, kind: K): ResultOf<K> {
    const found = this.#results.get(id);
    if (found?.kind !== kind) throw new Error(`no ${kind} cell is called ${id}`);
    return found.result as ResultOf<K>;
  }

  text(id: string): TextRun {
    return { cell: id, result: this.get(id, 'text') };
  }

  /** Of a text cell of any kind. */
  written(id: string): TextCellResult {
    const found = this.#results.get(id);
    if (found === undefined || !['text', 'matched-text', 'biased-text'].includes(found.kind))
      throw new Error(`no cell that writes texts is called ${id}`);
    return found.result as TextCellResult;
  }

  sums(id: string): SumsRun {
    return { cell: id, sums: this.get(id, 'likelihood').sums };
  }
}

export function firstDomain({ domains }: Bench): Domain {
  return domains[0]!;
}
