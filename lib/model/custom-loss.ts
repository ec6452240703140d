import { AsyncLocalStorage } from 'node:async_hooks';
import { addon } from '../addon.ts';
import type { ModelHandle } from '../addon-types.ts';
import { withControl } from '../control.ts';
import { HyperfitError } from '../errors.ts';
import { scope } from '../tensor/scope.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { LossFunction, ModelBatch } from './model-batch.ts';

/** What a loss needs of its model. */
interface Owner {
  readonly handle: ModelHandle;
  readonly device: string;
}

const turns = new WeakMap<Owner, Promise<unknown>>();
/** Those whose losses the present code is part of. */
const computing = new AsyncLocalStorage<readonly Owner[]>();

/**
 * One pass whose loss TypeScript computes: logits, then libtorch's autograd from the loss back to them, then the compiled backward from
 * there. Passes of one model take turns, since its activations are kept meanwhile.
 * @throws HyperfitError ERR_SHAPE when the loss has more than one element, ERR_NOT_FINITE, ERR_CONFIG when it does not depend on the
 * logits, is no tensor,
 *   or the model has worked meanwhile; what `loss` throws. The gradients gathered before stay
 */
export async function forwardBackwardByLoss(
  model: Owner,
  batch: ModelBatch,
  loss: LossFunction,
  signal?: AbortSignal,
): Promise<{ lossSum: number; tokenCount: number }> {
  if (typeof loss !== 'function')
    throw new HyperfitError('ERR_CONFIG', `expected a function from logits and batch to a tensor for \`loss\`, got ${typeof loss}`);
  const outer = computing.getStore() ?? [];
  if (outer.includes(model)) {
    throw new HyperfitError('ERR_CONFIG', 'expected no forwardBackward of a model within its own `loss`, got one; call it before or after');
  }
  const pass = (): Promise<{ lossSum: number; tokenCount: number }> =>
    scope(() => computing.run([...outer, model], () => runPass(model, batch, loss, signal)));
  const turn = (turns.get(model) ?? Promise.resolve()).then(pass, pass);
  turns.set(
    model,
    turn.catch(() => {}),
  );
  return turn;
}

async function runPass(
  model: Owner,
  batch: ModelBatch,
  loss: LossFunction,
  signal: AbortSignal | undefined,
): Promise<{ lossSum: number; tokenCount: number }> {
  const { tokens, targets, batchSize, sequenceLength } = batch;
  return withControl(signal, 0, async (control) => {
    const forward = await addon().modelForwardKeeping(model.handle, tokens, targets, batchSize, sequenceLength, control);
    const logits = Tensor.fromHandle(forward.logits);
    logits.requiresGrad = true;
    const tokenCount = targets.reduce((count, target) => count + (target === -100 ? 0 : 1), 0);
    const targetIds = Tensor.from(targets, { dtype: 'int64', shape: [batchSize, sequenceLength], device: model.device });
    const value = await loss(logits, { tokens, targets, batchSize, sequenceLength, targetIds, tokenCount });
    signal?.throwIfAborted();
    const lossSum = checkedLoss(value);
    await addon().modelBackwardFrom(model.handle, forward.pass, gradientOf(value, logits).handle, control);
    return { lossSum, tokenCount };
  });
}

function checkedLoss(value: unknown): number {
  if (!(value instanceof Tensor)) {
    throw new HyperfitError(
      'ERR_CONFIG',
      `expected a Tensor that \`loss\` computes from the logits, got ${value === null ? 'null' : typeof value}; return the tensor itself, not its item()`,
    );
  }
  if (value.numel !== 1)
    throw new HyperfitError(
      'ERR_SHAPE',
      `expected a tensor of one element from \`loss\`, got shape [${value.shape.join(', ')}]; end it with sum()`,
    );
  if (!value.requiresGrad) throw independent();
  const lossSum = value.item();
  if (Number.isFinite(lossSum)) return lossSum;
  throw new HyperfitError(
    'ERR_NOT_FINITE',
    `expected a finite number from \`loss\`, got ${lossSum}; look for the log of 0, or a division by 0, on targets that do not count`,
  );
}

/** d loss / d logits. */
function gradientOf(value: Tensor, logits: Tensor): Tensor {
  value.backward();
  const gradient = logits.grad;
  if (gradient === null) throw independent();
  if (gradient.isfinite().all().item() === 1) return gradient;
  throw new HyperfitError(
    'ERR_NOT_FINITE',
    'expected a finite gradient of `loss` by the logits, got NaN or infinity though the loss is finite; look for the square root or the log of 0',
  );
}

function independent(): HyperfitError {
  return new HyperfitError(
    'ERR_CONFIG',
    'expected a `loss` that depends on the logits, got one that no gradient leads back from; compute it by methods of the logits, outside noGrad() and without detach()',
  );
}
