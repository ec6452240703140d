import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readTextSync } from '../regular-file.ts';
import type { RunFolder } from './run-folder.ts';

/** A continuation of an evaluation on the way. */
export interface Sample {
  /** As text, or as ids where there is no tokenizer. */
  context: string;
  text: string;
  source: string | null;
}

export interface StepSamples {
  step: number;
  samples: Sample[];
}

/**
 * The continuations of the newest evaluation; undefined before the first. A file that cannot be read is passed over: this is to look on by.
 */
export function newestSamples(folder: RunFolder): StepSamples | undefined {
  return samplesOf(folder, sampleNames(folder).at(-1));
}

/** Those of the model that the run began from. */
export function originalSamples(folder: RunFolder): StepSamples | undefined {
  const [first] = sampleNames(folder);
  return first === undefined || stepOf(first) > 0 ? undefined : samplesOf(folder, first);
}

function sampleNames({ generations }: RunFolder): string[] {
  return existsSync(generations)
    ? readdirSync(generations)
        .filter((name) => NAME.test(name))
        .sort((left, right) => stepOf(left) - stepOf(right))
    : [];
}

function samplesOf({ generations }: RunFolder, name: string | undefined): StepSamples | undefined {
  return name === undefined ? undefined : { step: stepOf(name), samples: readSamples(join(generations, name)) };
}

const NAME = /^step-(\d+)\.jsonl$/;
const stepOf = (name: string): number => Number(NAME.exec(name)![1]);

interface Line {
  context: number[];
  continuation: number[];
  contextText?: string;
  text?: string;
  source?: string;
}

function readSamples(path: string): Sample[] {
  try {
    const lines = readTextSync(path)
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
    return lines.map(({ context, continuation, contextText, text, source }) => ({
      context: contextText ?? context.join(' '),
      text: text ?? continuation.join(' '),
      source: source ?? null,
    }));
  } catch {
    return [];
  }
}
