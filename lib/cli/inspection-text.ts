import { counted } from '../config/counted.ts';
import type { RunConfig } from '../config/fields.ts';
import { renderNote, type DataNote } from '../data/data-notes.ts';
import { percent } from '../data/data-summary.ts';
import type { DataInspection, InspectedSequence, NamedToken, SpecialTokens } from '../run/data-inspection.ts';
import { csvTable, type CsvTable } from '../report/csv.ts';
import type { Mark } from '../run/marks.ts';
import { styledOutput } from './output.ts';

/** For a terminal, or a file. */
export function renderInspection(
  inspection: DataInspection,
  { sequenceLength, windows }: Pick<RunConfig, 'sequenceLength' | 'windows'>,
): string {
  const { documents, tokens, sequences, trained, heldOut, notes, special, examples } = inspection;
  const cut = inspection.windows === 'paragraph' ? 'starting at paragraphs' : 'each starting where the last one ended';
  const rows: [string, string][] = [
    ['data', `${counted(documents, 'document')}, ${counted(tokens, 'token')}`],
    [
      'sequences',
      `${number(sequences)}; of text at most ${number(sequenceLength)} tokens, ${cut} (windows: ${windows === 'auto' ? `auto, here ${inspection.windows}` : windows})`,
    ],
    [
      'train',
      `${counted(trained.sequences, 'sequence')}, ${counted(trained.tokens, 'token')} (${percent(trained.share)}), ${number(trained.predicted)} of them learnt`,
    ],
    ...rowsOf('held out', [
      `${counted(heldOut.sequences, 'sequence')}, ${counted(heldOut.tokens, 'token')}: ${heldOut.rule}`,
      ...heldOut.notes.map(renderNote),
    ]),
    ...rowsOf('left out', notes.length === 0 ? ['nothing'] : notes.map(renderNote)),
    ...(special === null ? [] : specialRows(special)),
  ];
  return [
    ...rows.map(([label, value]) => `${label.padEnd(9)}  ${value}`),
    ...examples.map((example, at) => renderExample(example, at + 1, trained.sequences)),
  ].join('\n');
}

/** What there is, what trains, what is held out, and what was left out and why: counts, and tokens where they are known. */
export function inspectionTable({ documents, tokens, sequences, trained, heldOut, notes }: DataInspection): CsvTable {
  const noted =
    (part: string) =>
    ({ what, count, first, tokens: own }: DataNote) => ({ part, what, count, tokens: own, first });
  return csvTable(
    [
      { part: 'data', what: 'documents', count: documents, tokens },
      { part: 'data', what: 'sequences', count: sequences },
      { part: 'train', what: 'sequences', count: trained.sequences, tokens: trained.tokens, learnt: trained.predicted },
      { part: 'held out', what: 'sequences', count: heldOut.sequences, tokens: heldOut.tokens },
      ...heldOut.notes.map(noted('held out')),
      ...notes.map(noted('left out')),
    ],
    ['part', 'what', 'count', 'tokens', 'learnt', 'first'],
  );
}

function specialRows({ start, end, marks }: SpecialTokens): [string, string][] {
  const ends = {
    tokenizer: `texts end with ${names(end.tokens)}, which the tokenizer adds`,
    appendEos: `texts end with ${names(end.tokens)}`,
    none: 'texts end without a token that says so; --append-eos adds one',
  };
  return [
    ['start', start.length === 0 ? 'the tokenizer puts nothing before a text' : `${names(start)} before every sequence of a text, once`],
    ['end', ends[end.by ?? 'none']],
    ...rowsOf('special', marks.length === 0 ? ['no special tokens in the texts themselves'] : marks.map(renderMark)),
  ];
}

function rowsOf(label: string, values: readonly string[]): [string, string][] {
  return values.map((value, at) => [at === 0 ? label : '', value]);
}

function names(tokens: readonly NamedToken[]): string {
  return tokens.map(({ id, text }) => `${text} (${id})`).join(' ');
}

function renderMark({ text, count, ids, isSpecial }: Mark): string {
  const times = `${number(count)} ${count === 1 ? 'time' : 'times'}`;
  if (isSpecial) return `${text} (${ids[0]}) ${times}, one special token`;
  return `${text} ${times}, ${ids.length === 1 ? `one ordinary token (${ids[0]})` : `${ids.length} ordinary tokens (${ids.join(',')})`}: no special token of this tokenizer`;
}

/** What is learnt stands in ⟦ ⟧ ; with colour, what is not is dim. */
function renderExample({ source, offset, ids, runs }: InspectedSequence, place: number, of: number): string {
  const text = runs.map((run) => (run.isLearnt ? `⟦${visible(run.text)}⟧` : styledOutput('dim', visible(run.text)))).join('');
  return `\n${styledOutput('bold', `sequence ${place} of ${number(of)}: ${source} from token ${number(offset)} on, ${counted(ids.length, 'token')}, the learnt ones in ⟦ ⟧`)}\n${text}`;
}

/** Control characters could move the cursor; line breaks and tabs stay. */
function visible(text: string): string {
  return text.replace(/[\0-\x08\x0b-\x1f]/g, (character) => String.fromCharCode(0x2400 + character.charCodeAt(0))).replaceAll('\x7f', '␡');
}

function number(value: number): string {
  return value.toLocaleString('en');
}
