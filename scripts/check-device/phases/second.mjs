import { doctor } from '../../../dist/index.mjs';
import { gradientsOf, logitsOf, train } from '../measure.mjs';
import { tinyModelPath } from '../models.mjs';
import { sameBits } from '../numbers.mjs';
import { subjectOf, withModel } from '../sides.mjs';

const MODELS = ['llama-tied-gqa', 'gpt2-tied'];

/** Another device of the same kind gives the same bits: whatever is made on the first by mistake shows here. */
export async function run({ settings, results }) {
  const other = otherDevice(settings.device);
  if (other === undefined) return results.notHere('no second device of this kind');
  for (const name of MODELS) {
    for (const dtype of ['float32', 'bfloat16']) {
      await results.tries(`${name} ${dtype} on ${other}`, async () => {
        const [one, two] = [await measure(name, dtype, settings, settings.device), await measure(name, dtype, settings, other)];
        results.holds(`${name} ${dtype}: logits of ${other}`, sameBits(one.logits, two.logits));
        const differing = [...one.gradients].filter(([key, values]) => !sameBits(values, two.gradients.get(key))).map(([key]) => key);
        results.holds(`${name} ${dtype}: gradients of ${other}`, differing.length === 0, { differing });
        results.holds(`${name} ${dtype}: losses of 6 steps of ${other}`, sameBits(one.losses, two.losses));
        results.holds(`${name} ${dtype}: ids of ${other}`, sameBits(one.ids, two.ids));
      });
    }
  }
}

/** The next one counted from 0; of the guarded device there are always two. */
function otherDevice(device) {
  const [kind, index = '0'] = device.split(':');
  if (kind === 'cpu') return undefined;
  const count = kind === 'guard' ? 2 : doctor().runtime.cudaDeviceCount;
  return count < 2 ? undefined : `${kind}:${index === '0' ? 1 : 0}`;
}

function measure(name, dtype, settings, device) {
  return withModel(tinyModelPath(name), subjectOf({ ...settings, device }), dtype, async (model) => {
    const logits = await logitsOf(model);
    const { gradients } = await gradientsOf(model);
    const [{ ids }] = await model.generate([[5, 6, 7]], { maxNewTokens: 16, stopIds: [] });
    const { losses } = await train(model, 6);
    return { logits, gradients, ids, losses };
  });
}
