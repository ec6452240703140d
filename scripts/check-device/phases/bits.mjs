import { logitsOf, take, takeAll, train } from '../measure.mjs';
import { batchOf, idCount, randomRows, tinyModelPath } from '../models.mjs';
import { BOUNDS, largest, sameBits } from '../numbers.mjs';
import { subjectOf, withModel } from '../sides.mjs';

const MODELS = ['llama-tied-gqa', 'gpt2-tied', 'gemma3-tied-gqa', 'mistral-window'];
const NEW_TOKENS = 24;

/** What a device promises of itself: equal runs give equal bits, and neighbours in a batch change nothing but ties. */
export async function run({ settings, results }) {
  for (const dtype of ['float32', 'bfloat16']) {
    for (const name of settings.quick ? MODELS.slice(0, 2) : MODELS) {
      const fresh = (use) => withModel(tinyModelPath(name), subjectOf(settings), dtype, use);
      await results.tries(`${name} ${dtype}: two runs`, () => compareRuns(`${name} ${dtype}`, fresh, results));
      await results.tries(`${name} ${dtype}: alone`, () =>
        fresh((model) => compareAlone(`${name} ${dtype}`, model, BOUNDS[dtype].margin, results)),
      );
    }
  }
}

async function compareRuns(name, fresh, results) {
  const run = () =>
    fresh(async (model) => {
      const steps = await train(model, 6);
      const logits = await logitsOf(model);
      const drawn = await model.generate(promptsOf(model), { maxNewTokens: NEW_TOKENS, stopIds: [], temperature: 1, seed: 5 });
      return { steps, weights: takeAll(model.parameters()), logits, ids: drawn.flatMap(({ ids }) => [...ids]) };
    });
  const [one, other] = [await run(), await run()];
  results.holds(`${name}: losses of two runs to the last bit`, sameBits(one.steps.losses, other.steps.losses));
  const differing = [...one.weights]
    .filter(([parameter, values]) => !sameBits(values, other.weights.get(parameter)))
    .map(([parameter]) => parameter);
  results.holds(`${name}: weights of two runs to the last bit`, differing.length === 0, { differing });
  results.holds(`${name}: logits of two runs to the last bit`, sameBits(one.logits, other.logits));
  results.holds(`${name}: drawn ids of two runs`, sameBits(one.ids, other.ids));
}

const promptsOf = (model) => [3, 11, 7, 5, 9].map((length, row) => randomRows(row, 1, length, idCount(model))[0]);

/** A library may choose another product for more rows. Where ids part for it, the two scores have to be as good as equal. */
async function compareAlone(name, model, bound, results) {
  const options = { maxNewTokens: NEW_TOKENS, stopIds: [] };
  const together = await model.generate(promptsOf(model), options);
  let equal = 0;
  let worst = 0;
  for (const [row, prompt] of promptsOf(model).entries()) {
    const [alone] = await model.generate([prompt], options);
    const step = [...alone.ids].findIndex((id, at) => id !== together[row].ids[at]);
    if (step === -1) equal += 1;
    else worst = Math.max(worst, await marginAt(model, [...prompt, ...alone.ids.slice(0, step)], alone.ids[step], together[row].ids[step]));
  }
  results.atMost(`${name}: alone as in a batch; margin where ids part`, worst, bound, { rowsEqual: `${equal} of ${together.length}` });
}

async function marginAt(model, history, id, other) {
  const logits = take((await model.forward(batchOf([history]))).logits);
  const scores = logits.subarray(logits.length - model.config.outputVocabSize);
  return Math.abs(scores[id] - scores[other]) / largest(scores);
}
