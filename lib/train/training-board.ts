import { Board, hyperparametersOf } from '../tensorboard/board.ts';
import type { TrainEvent, TrainResult } from './events.ts';
import type { TrainSettings } from './settings.ts';
import type { Training } from './training.ts';

/** What a TensorBoard shows of steps and passes. */
export function showTraining(board: Board, event: TrainEvent): void {
  if (event.type === 'epoch') {
    board.scalars(event.step, { 'train/epoch_loss': event.meanLoss });
    return;
  }
  const { step, loss, gradNorm, learningRate, tokens, seconds, epoch } = event;
  board.scalars(step, {
    'train/loss': loss,
    'train/grad_norm': gradNorm,
    'train/learning_rate': learningRate,
    'train/tokens_per_second': tokens / seconds,
    'train/epoch': epoch,
  });
}

/** The events of a training, each written to event files in `folder`, where one is named, before it is handed on. */
export async function* shownOn(
  folder: string | undefined,
  training: Training,
  { settings, onWarning }: { settings: TrainSettings; onWarning: (message: string) => void },
): AsyncGenerator<TrainEvent, TrainResult, void> {
  if (folder === undefined) return yield* training.events();
  const { step } = training.state;
  const board = await Board.open(folder, { purgeStep: step > 0 ? step + 1 : undefined, onWarning });
  board.hyperparameters(hyperparametersOf(settings));
  const events = training.events();
  try {
    for (;;) {
      const { done, value } = await events.next();
      if (done === true) return value;
      showTraining(board, value);
      yield value;
    }
  } finally {
    board.close();
    // Where the reader has left.
    await events.return(undefined as unknown as TrainResult);
  }
}
