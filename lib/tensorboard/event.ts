import { bytes, double, float, message, varint, type Field } from './protobuf.ts';

/** A settings value as TensorBoard's hyperparameters take it. */
export type HyperparameterValue = number | string | boolean;

/** What an event says at a step; field numbers are those of tensorflow's event.proto and summary.proto. */
export type Summary =
  | { tag: string; scalar: number }
  /** Markdown. */
  | { tag: string; text: string };

/** The first event of every file. */
export function versionEvent(wallTime: number): Uint8Array {
  return Buffer.concat([double(1, wallTime), bytes(3, 'brain.Event:2')]);
}

/** Takes back what earlier files say of `step` and of all steps after it. */
export function restartEvent(wallTime: number, step: number): Uint8Array {
  const START = 1;
  return Buffer.concat([double(1, wallTime), ...stepField(step), message(7, varint(1, START))]);
}

export function summaryEvent(wallTime: number, step: number, summaries: readonly Summary[]): Uint8Array {
  return Buffer.concat([double(1, wallTime), ...stepField(step), message(5, ...summaries.map(summaryField))]);
}

/** The settings of a run, for the HPARAMS page; `at` is when it began, seconds since 1970. */
export function hyperparameterEvent(
  wallTime: number,
  hyperparameters: Readonly<Record<string, HyperparameterValue>>,
  at: number,
): Uint8Array {
  const entries = Object.entries(hyperparameters).sort(([left], [right]) => (left < right ? -1 : 1));
  const info = message(3, ...entries.map(([name, value]) => message(1, bytes(1, name), message(2, valueField(value)))), double(5, at));
  const metadata = message(9, message(1, bytes(1, 'hparams'), bytes(2, info)));
  return Buffer.concat([double(1, wallTime), message(5, message(1, bytes(1, '_hparams_/session_start_info'), EMPTY_TENSOR, metadata))]);
}

const [DT_FLOAT, DT_STRING] = [1, 7];

/** TensorBoard reads a hyperparameter summary only where it has a tensor, of whatever. */
const EMPTY_TENSOR = message(8, varint(1, DT_FLOAT), message(2));

/** A field that is 0 is left out, as everywhere in proto3. */
const stepField = (step: number): Field[] => (step === 0 ? [] : [varint(2, step)]);

function summaryField(summary: Summary): Field {
  if ('scalar' in summary) return message(1, bytes(1, summary.tag), float(2, summary.scalar));
  const tensor = message(8, varint(1, DT_STRING), message(2, message(2, varint(1, 1))), bytes(8, summary.text));
  return message(1, bytes(1, summary.tag), tensor, message(9, message(1, bytes(1, 'text'))));
}

/** A google.protobuf.Value. */
function valueField(value: HyperparameterValue): Field {
  if (typeof value === 'number') return double(2, value);
  return typeof value === 'boolean' ? varint(4, value) : bytes(3, value);
}
