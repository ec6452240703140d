import { doctor, Model, torch } from '../../../dist/index.mjs';
import { isCuda } from '../card.mjs';
import { logitsOf } from '../measure.mjs';
import { batchOf, tinyModelPath } from '../models.mjs';
import { sameBits } from '../numbers.mjs';
import { spawnSnippet } from '../snippet.mjs';
import { subjectOf, withModel } from '../sides.mjs';

const PATH = tinyModelPath('llama-tied-gqa');

/** What is wrong is said with a code and a remedy, and what works goes on working. */
export async function run({ settings, results }) {
  const { cudaDeviceCount } = doctor().runtime;
  for (const device of ['gpu', 'cuda:-1', 'mps', `cuda:${Math.max(7, cudaDeviceCount)}`, ...(cudaDeviceCount === 0 ? ['cuda'] : [])]) {
    await refuses(results, `a model on ${device}`, ['ERR_DEVICE'], () => Model.load(PATH, { device }));
  }
  await refuses(results, 'a tensor on a device that is not there', ['ERR_DEVICE'], () =>
    torch.zeros([2], { device: `cuda:${Math.max(7, cudaDeviceCount)}` }),
  );
  await results.tries('a model goes on after refusals', () =>
    withModel(PATH, subjectOf(settings), 'float32', (model) => goesOn(model, settings.device, results)),
  );
  if (isCuda(settings.device)) await afterAssertion(settings, results);
}

async function refuses(results, name, codes, work) {
  try {
    await work();
    results.holds(name, false, { got: 'no error' });
  } catch (error) {
    results.holds(name, codes.includes(error.code), { code: error.code ?? error.name, message: String(error.message).slice(0, 300) });
  }
}

async function goesOn(model, device, results) {
  const before = await logitsOf(model);
  await refuses(results, 'an id beyond the vocabulary', ['ERR_DATA'], () =>
    model.forwardBackward(batchOf([[3, model.config.vocabSize, 4]])),
  );
  await refuses(results, 'more positions than the model has', ['ERR_SHAPE'], () => model.generate([[3, 4]], { maxNewTokens: 10_000 }));
  await refuses(results, 'shapes that do not fit', ['ERR_TORCH'], () =>
    torch.zeros([2, 3], { device }).matmul(torch.zeros([2, 3], { device })),
  );
  if (device !== 'cpu')
    await refuses(results, 'tensors of two devices', ['ERR_DEVICE', 'ERR_TORCH'], () =>
      torch.zeros([2, 2], { device }).matmul(torch.zeros([2, 2])),
    );
  results.holds('a model goes on after refusals', sameBits(await logitsOf(model), before));
}

/** An index out of range ends all CUDA of its process. In one of its own, so that nothing else is lost. */
async function afterAssertion({ device }, results) {
  const { status, stdout, stderr, seconds } = await spawnSnippet('assertion', { device, path: PATH }, 25);
  const codes = stdout.trim().split('\n').at(-1);
  results.holds('after an assertion on the card every call says ERR_DEVICE', status === 0 && codes === 'ERR_DEVICE ERR_DEVICE', {
    status,
    codes,
    seconds,
    ...(status !== 0 && { stderr: stderr.slice(-600) }),
  });
}
