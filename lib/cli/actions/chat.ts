import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { HyperfitError } from '../../errors.ts';
import type { CitationBlocker } from '../../generate/citation-blocker.ts';
import type { Model } from '../../model/model.ts';
import { findRun, originalModel } from '../../run/original-model.ts';
import { chatAtTerminal } from '../chat/at-terminal.ts';
import { chatFromPipe } from '../chat/from-pipe.ts';
import { ChatSession } from '../chat/session.ts';
import { blockerSettings, blockerSource } from '../blocker-options.ts';
import { loadCitationBlocker } from '../citation-source.ts';
import type { ChatOptions } from '../commands/chat.ts';
import { decodingOptions } from '../decoding-options.ts';
import { withModel } from '../load-model.ts';
import { Output } from '../output.ts';
import { Spinner } from '../spinner.ts';

export async function chat(options: ChatOptions, flags: readonly string[]): Promise<void> {
  const output = new Output(options);
  const decoding = decodingOptions(options);
  const source = blockerSource(options);
  const beside = options.beside === undefined ? undefined : besidePath(options.model, options.beside);
  await withModels(options, beside, output, async (models) => {
    const { model } = models.at(-1)!;
    // Before anybody types: a model without a tokenizer has no use here.
    for (const each of models) each.model.requireTokenizer();
    const makeBlocker = (path: string | undefined): Promise<CitationBlocker> =>
      loadCitationBlocker(
        source !== undefined && path === undefined
          ? source
          : { path: path ?? ownSequences(options.model), settings: blockerSettings(options) },
        model,
      );
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
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected the folder of a run for --model with --beside original, got ${model}; give --beside the path of the other model`,
  );
}

/** @throws HyperfitError ERR_CONFIG for a model that keeps no training sequences */
function ownSequences(model: string): string {
  const run = findRun(model);
  if (run !== undefined && existsSync(run.trainFile)) return run.path;
  throw new HyperfitError(
    'ERR_CONFIG',
    `expected the folder of a run to block citations of, got ${model}; name one, as in /blocker runs/novel`,
  );
}

interface Named {
  name: string;
  model: Model;
}

async function withModels(
  options: ChatOptions,
  beside: string | undefined,
  output: Output,
  work: (models: readonly Named[]) => Promise<void>,
): Promise<void> {
  const spinner = new Spinner(process.stderr);
  const say = (path: string): void => (output.quiet ? undefined : spinner.say(`loading ${path}`));
  try {
    say(options.model);
    await withModel(options, output, async (model) => {
      if (beside === undefined) return listen(spinner, () => work([{ name: basename(options.model), model }]));
      say(beside);
      const name = findRun(options.model) === undefined ? basename(options.model) : 'hyperfitted';
      return withModel({ ...options, model: beside, adapter: undefined }, output, async (other) =>
        listen(spinner, () =>
          work([
            { name: options.beside === 'original' ? 'original' : basename(beside), model: other },
            { name, model },
          ]),
        ),
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
