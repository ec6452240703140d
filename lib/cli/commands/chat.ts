import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { HyperfitError } from '../../errors.ts';
import type { CitationBlocker } from '../../generate/citation-blocker.ts';
import type { Model } from '../../model/model.ts';
import { findRun, originalModel } from '../../run/original-model.ts';
import { chatAtTerminal } from '../chat/at-terminal.ts';
import { chatFromPipe } from '../chat/from-pipe.ts';
import { ChatSession } from '../chat/session.ts';
import { blockerSettings, blockerSource, loadCitationBlocker } from '../citation-source.ts';
import { addDecodingOptions, decodingOptions, type DecodingFlags } from '../decoding-options.ts';
import { withModel, type ModelOptions } from '../load-model.ts';
import { addModelOptions, addOutputOptions, checkedPath } from '../options.ts';
import { Output, type OutputOptions } from '../output.ts';
import { Spinner } from '../spinner.ts';

interface ChatOptions extends ModelOptions, OutputOptions, DecodingFlags {
  beside?: string;
  system?: string;
  /** Those of the citation blocker. */
  [field: string]: unknown;
}

const AFTER = `
At a terminal, /help lists the commands: /reset, /save FILE, /system TEXT, /temperature X, /blocker on and more. Ctrl-C stops an answer, twice leaves.
From a pipe each line is a message and each answer is written when it is whole; with --json as a line of JSON.
A model without a chat template, as base models are, continues text: a line begins a paragraph, an empty one lets it go on.

Example:
  hyperfit chat --model HuggingFaceTB/SmolLM2-135M-Instruct
  hyperfit chat --model runs/novel --beside original --temperature 0.7
  printf 'Hello\\nAnd then?\\n' | hyperfit chat --model runs/novel --json`;

export function addChatCommand(program: Command): void {
  const command = addModelOptions(program.command('chat').description('Talk with a model, or let it go on with what you write; the model is loaded once.'))
    .option('--beside <model>', 'another model that answers the same: a path, or "original" for the one that the run began from', checkedPath)
    .option('--system <text>', 'what the system says first');
  addOutputOptions(addDecodingOptions(command, { maxNewTokens: 256 }))
    .addHelpText('after', AFTER)
    .action((options: ChatOptions, command: Command) => chat(options, command.options.map(({ long }) => long ?? '')));
}

async function chat(options: ChatOptions, flags: readonly string[]): Promise<void> {
  const output = new Output(options);
  const decoding = decodingOptions(options);
  const source = blockerSource(options);
  const beside = options.beside === undefined ? undefined : besidePath(options.model, options.beside);
  await withModels(options, beside, output, async (models) => {
    const { model } = models.at(-1)!;
    // Before anybody types: a model without a tokenizer has no use here.
    for (const each of models) each.model.requireTokenizer();
    const makeBlocker = (path: string | undefined): Promise<CitationBlocker> => loadCitationBlocker(source !== undefined && path === undefined ? source : { path: path ?? ownSequences(options.model), settings: blockerSettings(options) }, model);
    const session = new ChatSession(models, { decoding, system: options.system, makeBlocker });
    try {
      if (source !== undefined) await session.setBlocker(undefined);
      const isAtTerminal = process.stdin.isTTY === true && process.stdout.isTTY === true && !output.json;
      if (isAtTerminal) greet(session, output);
      const code = isAtTerminal ? await chatAtTerminal(session, output, flags) : await chatFromPipe(session, process.stdin, output);
      if (code !== 0) process.exitCode = code;
    } finally {
      session.dispose();
    }
  });
}

/** @throws HyperfitError ERR_CONFIG for "original" of what is no run */
function besidePath(model: string, beside: string): string {
  if (beside !== 'original' || existsSync(beside)) return beside;
  const run = findRun(model);
  if (run !== undefined) return originalModel(run, 'give --beside the path where it stands now');
  throw new HyperfitError('ERR_CONFIG', `expected the folder of a run for --model with --beside original, got ${model}; give --beside the path of the other model`);
}

/** @throws HyperfitError ERR_CONFIG for a model that keeps no training sequences */
function ownSequences(model: string): string {
  const run = findRun(model);
  if (run !== undefined && existsSync(run.trainFile)) return run.path;
  throw new HyperfitError('ERR_CONFIG', `expected the folder of a run to block citations of, got ${model}; name one, as in /blocker runs/novel`);
}

interface Named {
  name: string;
  model: Model;
}

async function withModels(options: ChatOptions, beside: string | undefined, output: Output, work: (models: readonly Named[]) => Promise<void>): Promise<void> {
  const spinner = new Spinner(process.stderr);
  const say = (path: string): void => (output.quiet ? undefined : spinner.say(`loading ${path}`));
  try {
    say(options.model);
    await withModel(options, output, async (model) => {
      if (beside === undefined) return listen(spinner, () => work([{ name: basename(options.model), model }]));
      say(beside);
      const name = findRun(options.model) === undefined ? basename(options.model) : 'hyperfitted';
      return withModel({ ...options, model: beside, adapter: undefined }, output, async (other) =>
        listen(spinner, () => work([{ name: options.beside === 'original' ? 'original' : basename(beside), model: other }, { name, model }])),
      );
    });
  } finally {
    spinner.stop();
  }
}

async function listen(spinner: Spinner, work: () => Promise<void>): Promise<void> {
  spinner.stop();
  await work();
}

function greet(session: ChatSession, output: Output): void {
  const { model } = session.main;
  const what = session.continuesText
    ? 'This model has no chat template, as base models: it continues text. Write a beginning; an empty line lets it go on, a further line begins a paragraph.'
    : 'Write a message.';
  const how = session.decoding.temperature === 0 ? 'greedy' : `temperature ${session.decoding.temperature}`;
  output.log(`${what} /help lists commands. (${model.config.maxPositionEmbeddings} tokens of context, ${how})`);
}
