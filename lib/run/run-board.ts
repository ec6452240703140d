import { join } from 'node:path';
import type { RunConfig } from '../config/fields.ts';
import { Board, hyperparametersOf } from '../tensorboard/board.ts';
import { showTraining } from '../train/training-board.ts';
import type { MetricRecord } from './metric-log.ts';
import type { RunEvent } from './run-events.ts';
import { newestSamples, type Sample } from './samples.ts';
import type { RunFolder } from './run-folder.ts';
import type { ValidationRecord } from './validation.ts';

export interface RunBoardOptions {
  /** Steps of the run that were done before. */
  step: number;
  onWarning: (message: string) => void;
}

/** The event files of a run, in its `tensorboard/`: figures, samples as they come, and the settings. */
export class RunBoard {
  readonly #board: Board;
  readonly #folder: RunFolder;

  private constructor(board: Board, folder: RunFolder) {
    this.#board = board;
    this.#folder = folder;
  }

  /** Undefined where the settings do not ask for it. A run that goes on takes back the steps that it does again. */
  static async open(config: RunConfig, folder: RunFolder, { step, onWarning }: RunBoardOptions): Promise<RunBoard | undefined> {
    if (!config.tensorboard) return undefined;
    const board = await Board.open(join(folder.path, 'tensorboard'), { purgeStep: step > 0 ? step + 1 : undefined, onWarning });
    board.hyperparameters(hyperparametersOf(config));
    board.show(step, [{ tag: 'settings', text: settingsTable(config) }]);
    return new RunBoard(board, folder);
  }

  record(event: RunEvent | MetricRecord): void {
    if (event.type === 'step' || event.type === 'epoch') showTraining(this.#board, event as Extract<RunEvent, { type: 'step' | 'epoch' }>);
    else if (event.type === 'evaluation') this.#evaluation(event as ValidationRecord);
    else if (event.type === 'certificate') this.#certificate(event as MetricRecord);
  }

  close(): void {
    this.#board.close();
  }

  #evaluation({ step, heldOutLoss, entropy, top1Mass, ttr, rep2, selfBleu, overlapMax, answers }: ValidationRecord): void {
    this.#board.scalars(step, {
      'evaluation/held_out_loss': heldOutLoss,
      'evaluation/entropy': entropy,
      'evaluation/top_1_mass': top1Mass,
      'evaluation/ttr': ttr,
      'evaluation/rep_2': rep2,
      'evaluation/self_bleu': selfBleu,
      'evaluation/overlap_max': overlapMax,
      'evaluation/exact_match': answers?.exactMatch?.share,
      'evaluation/answer_loss': answers?.loss,
    });
    const samples = newestSamples(this.#folder)?.samples ?? [];
    if (samples.length > 0) this.#board.show(step, [{ tag: 'samples', text: samples.map(sampleText).join('\n\n---\n\n') }]);
  }

  #certificate({ step, meanLoss, worstLoss, top1Accuracy, entropy }: MetricRecord): void {
    const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);
    this.#board.scalars(step, {
      'certificate/mean_loss': number(meanLoss),
      'certificate/worst_loss': number(worstLoss),
      'certificate/top_1_accuracy': number(top1Accuracy),
      'certificate/entropy': number(entropy),
    });
  }
}

function settingsTable(config: RunConfig): string {
  const rows = Object.entries(config).map(([name, value]) => `| ${name} | ${escapeMarkdown(JSON.stringify(value))} |`);
  return ['| setting | value |', '| --- | --- |', ...rows].join('\n');
}

function sampleText({ context, text }: Sample): string {
  return `${escapeMarkdown(context)} **${escapeMarkdown(text.trim())}**`;
}

/** Text of a model is no markdown and no HTML. */
function escapeMarkdown(text: string): string {
  return text.replaceAll(/[\\`*_{}[\]<>()#+!|~-]/g, (sign) => `&#${sign.charCodeAt(0)};`).replaceAll(/\s*\n\s*/g, '<br>');
}
