import type { Command } from 'commander';
import { flagOf } from '../config/fields.ts';
import { given } from '../config/given.ts';
import { DECODING_FIELDS, DECODING_NAMES, type DecodingName } from '../generate/decoding-fields.ts';
import { normalizeGenerateOptions, type GenerateOptions } from '../generate/options.ts';
import { addBlockerOptions } from './blocker-options.ts';
import { numberWithin, wholeNumber } from './options.ts';

/** How a command decodes, as parsed. */
export interface DecodingFlags {
  maxNewTokens: number;
  minNewTokens: number;
  /** The parser takes `--no-` for a negation and names the option without it. */
  repeatNgramSize: number;
  repetitionPenalty: number;
  temperature: number;
  topK: number;
  topP: number;
  minP: number;
  seed: number;
  stop?: string[];
}

const PARSERS: Readonly<Record<DecodingName, (text: string) => number>> = {
  maxNewTokens: wholeNumber(1),
  minNewTokens: wholeNumber(0),
  noRepeatNgramSize: wholeNumber(0),
  repetitionPenalty: numberWithin(1e-6),
  temperature: numberWithin(0),
  topK: wholeNumber(0),
  topP: numberWithin(0, 1),
  minP: numberWithin(0, 1),
  seed: wholeNumber(0),
};

/** The flags of decoding and of the citation blocker. */
export function addDecodingOptions(command: Command, { maxNewTokens }: { maxNewTokens: number }): Command {
  for (const name of DECODING_NAMES) {
    const { help, valueName, default: fallback } = DECODING_FIELDS[name];
    command.option(`${flagOf(name)} <${valueName}>`, help, PARSERS[name], name === 'maxNewTokens' ? maxNewTokens : fallback);
  }
  const stop = 'end the continuation before this text, that of a special token too; may be repeated';
  command.option('--stop <text>', stop, (text: string, before: string[] = []) => [...before, text]);
  return addBlockerOptions(command);
}

/**
 * Checked before a model is loaded.
 * @throws HyperfitError ERR_CONFIG
 */
export function decodingOptions(options: DecodingFlags): GenerateOptions {
  const {
    maxNewTokens,
    minNewTokens,
    repeatNgramSize: noRepeatNgramSize,
    repetitionPenalty,
    temperature,
    topK,
    topP,
    minP,
    seed,
    stop,
  } = options;
  const decoding = {
    maxNewTokens,
    minNewTokens,
    noRepeatNgramSize,
    repetitionPenalty,
    temperature,
    topK,
    topP,
    minP,
    seed,
    ...given({ stopStrings: stop }),
  };
  normalizeGenerateOptions(decoding);
  return decoding;
}
