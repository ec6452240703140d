import { Option, type Command } from 'commander';
import { given } from '../../config/given.ts';
import { isCompletionDocument, isIdsDocument, isMessagesDocument, type Document } from '../../data/document.ts';
import { readDocuments } from '../../data/documents.ts';
import { HyperfitError } from '../../errors.ts';
import type { Generation } from '../../generate/generation.ts';
import { normalizeGenerateOptions, type GenerateOptions as DecodingOptions } from '../../generate/options.ts';
import type { Model } from '../../model/model.ts';
import type { ChatMessage } from '../../tokenizer/chat-template.ts';
import { addBlockerOptions, blockerSource, withBlocker, type BlockerSource } from '../citation-source.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addModelOptions, addOutputOptions, idList, numberWithin, wholeNumber } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';

interface GenerateOptions extends ModelOptions, OutputOptions {
  prompt?: string;
  promptIds?: Int32Array;
  prompts?: string;
  chat?: boolean;
  system?: string;
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
  batchSize: number;
  /** Those of the citation blocker. */
  [field: string]: unknown;
}

/** What to continue: text, ids, or a dialogue for the chat template to render. */
type Prompt = string | Int32Array | { messages: readonly ChatMessage[]; tools?: readonly unknown[] | undefined };

export function addGenerateCommand(program: Command): void {
  const command = addModelOptions(program.command('generate').description('Continue prompts; greedy unless --temperature is given.'));
  addPromptOptions(command);
  addDecodingOptions(command);
  addOutputOptions(command)
    .addHelpText('after', '\nExample:\n  hyperfit generate --model runs/novel --prompt "Call me" --citation-blocker runs/novel --json')
    .action(generate);
}

function addPromptOptions(command: Command): void {
  command
    .addOption(new Option('--prompt <text>', 'text to continue').conflicts(['promptIds', 'prompts']))
    .addOption(new Option('--prompt-ids <ids>', 'token ids to continue, such as 1,2,3').argParser(idList).conflicts(['prompt', 'prompts']))
    .addOption(new Option('--prompts <file>', 'prompts to continue, .jsonl with {"text"}, {"ids"} or {"messages"}').conflicts(['prompt', 'promptIds']))
    .option('--chat', 'put each text prompt to an instruct model as what the user says, by its chat template')
    .addOption(new Option('--system <text>', 'what the system says first; needs --chat').implies({ chat: true }))
    .option('--batch-size <N>', 'prompts decoded together; changes speed, not results', wholeNumber(1), 8);
}

function addDecodingOptions(command: Command): void {
  command
    .option('--max-new-tokens <N>', 'tokens to add at most', wholeNumber(1), 96)
    .option('--min-new-tokens <N>', 'tokens before which no end of text may come', wholeNumber(0), 0)
    .option('--no-repeat-ngram-size <N>', 'forbid n-grams of this size to occur twice; 0 allows them', wholeNumber(0), 0)
    .option('--repetition-penalty <X>', 'divide the scores of tokens seen before; 1 is off', numberWithin(1e-6), 1)
    .option('--temperature <X>', 'sample at this temperature; 0 is greedy', numberWithin(0), 0)
    .option('--top-k <N>', 'sample among the N most probable tokens; 0 keeps all', wholeNumber(0), 0)
    .option('--top-p <X>', 'sample among the most probable tokens that make up this share', numberWithin(0, 1), 1)
    .option('--min-p <X>', 'drop tokens below this share of the best probability', numberWithin(0, 1), 0)
    .option('--seed <N>', 'seed of the sampling', wholeNumber(0), 0);
  addBlockerOptions(command);
}

async function generate(options: GenerateOptions): Promise<void> {
  const output = new Output(options);
  const decoding = decodingOptions(options);
  const source = blockerSource(options);
  const prompts = await readPrompts(options);
  await withModel(options, output, async (model) => {
    const generations = await generateAll(model, await encodeDialogues(model, prompts), decoding, source, options.batchSize);
    output.result({ schemaVersion: 1, generations: generations.map(plainGeneration) }, () => generations.map(renderGeneration).join('\n\n'));
  });
}

/** How to decode, checked before the model is loaded. */
function decodingOptions(options: GenerateOptions): DecodingOptions {
  const { maxNewTokens, minNewTokens, repeatNgramSize: noRepeatNgramSize, repetitionPenalty, temperature, topK, topP, minP, seed } = options;
  const decoding = { maxNewTokens, minNewTokens, noRepeatNgramSize, repetitionPenalty, temperature, topK, topP, minP, seed };
  normalizeGenerateOptions(decoding);
  return decoding;
}

async function readPrompts(options: GenerateOptions): Promise<Prompt[]> {
  const { prompt, promptIds, prompts } = options;
  if (prompt !== undefined) return [toPrompt({ source: '--prompt', text: prompt }, options)];
  if (promptIds !== undefined) return [toPrompt({ source: '--prompt-ids', ids: promptIds }, options)];
  if (prompts !== undefined) return (await readDocuments(prompts)).map((document) => toPrompt(document, options));
  throw new HyperfitError('ERR_CONFIG', 'expected one of --prompt, --prompt-ids and --prompts, got none');
}

function toPrompt(document: Document, { chat, system }: GenerateOptions): Prompt {
  if (isMessagesDocument(document)) return { messages: document.messages, tools: document.tools };
  const text = isCompletionDocument(document) ? document.prompt : isIdsDocument(document) ? '' : document.text;
  if (chat !== true) return isIdsDocument(document) ? document.ids : text;
  if (isIdsDocument(document)) throw new HyperfitError('ERR_CONFIG', `expected text or messages with --chat, got ids from ${document.source}; leave --chat out`);
  const user = { role: 'user', content: text };
  return { messages: system === undefined ? [user] : [{ role: 'system', content: system }, user] };
}

async function encodeDialogues(model: Model, prompts: readonly Prompt[]): Promise<(string | Int32Array)[]> {
  return Promise.all(prompts.map((prompt) => (typeof prompt === 'object' && 'messages' in prompt ? model.encodeChat(prompt.messages, { tools: prompt.tools }) : prompt)));
}

async function generateAll(model: Model, prompts: readonly (string | Int32Array)[], decoding: DecodingOptions, source: BlockerSource | undefined, batchSize: number): Promise<Generation[]> {
  return withBlocker(source, model, async (citationBlocker) => {
    const generations: Generation[] = [];
    for (let at = 0; at < prompts.length; at += batchSize) {
      generations.push(...(await model.generate(prompts.slice(at, at + batchSize), { ...decoding, ...given({ citationBlocker }) })));
    }
    return generations;
  });
}

function plainGeneration({ promptIds, ids, text, finishReason, interventions }: Generation): object {
  return { promptIds: Array.from(promptIds), ids: Array.from(ids), ...given({ text }), finishReason, interventions };
}

/** Without a tokenizer the ids speak for themselves. */
function renderGeneration({ ids, text }: Generation): string {
  return text ?? Array.from(ids).join(',');
}
