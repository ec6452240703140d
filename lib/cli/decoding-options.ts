import type { Command } from 'commander';
import { given } from '../config/given.ts';
import { normalizeGenerateOptions, type GenerateOptions } from '../generate/options.ts';
import { addBlockerOptions } from './citation-source.ts';
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

/** The flags of decoding and of the citation blocker. */
export function addDecodingOptions(command: Command, { maxNewTokens }: { maxNewTokens: number }): Command {
  command
    .option('--max-new-tokens <N>', 'tokens to add at most', wholeNumber(1), maxNewTokens)
    .option('--min-new-tokens <N>', 'tokens before which no end of text may come', wholeNumber(0), 0)
    .option('--no-repeat-ngram-size <N>', 'forbid n-grams of this size to occur twice; 0 allows them', wholeNumber(0), 0)
    .option('--repetition-penalty <X>', 'divide the scores of tokens seen before; 1 is off', numberWithin(1e-6), 1)
    .option('--temperature <X>', 'sample at this temperature; 0 is greedy', numberWithin(0), 0)
    .option('--top-k <N>', 'sample among the N most probable tokens; 0 keeps all', wholeNumber(0), 0)
    .option('--top-p <X>', 'sample among the most probable tokens that make up this share', numberWithin(0, 1), 1)
    .option('--min-p <X>', 'drop tokens below this share of the best probability', numberWithin(0, 1), 0)
    .option('--seed <N>', 'seed of the sampling', wholeNumber(0), 0)
    .option('--stop <text>', 'end the continuation before this text, that of a special token too; may be repeated', (text: string, before: string[] = []) => [...before, text]);
  return addBlockerOptions(command);
}

/** Checked before a model is loaded. Throws ERR_CONFIG. */
export function decodingOptions(options: DecodingFlags): GenerateOptions {
  const { maxNewTokens, minNewTokens, repeatNgramSize: noRepeatNgramSize, repetitionPenalty, temperature, topK, topP, minP, seed, stop } = options;
  const decoding = { maxNewTokens, minNewTokens, noRepeatNgramSize, repetitionPenalty, temperature, topK, topP, minP, seed, ...given({ stopStrings: stop }) };
  normalizeGenerateOptions(decoding);
  return decoding;
}
