import { CitationBlocker } from '../../../dist/index.mjs';
import { take } from '../measure.mjs';
import { batchOf, idCount, raggedBatch, randomRows, tinyModelPath, tinyModels } from '../models.mjs';
import { BOUNDS, largest } from '../numbers.mjs';
import { REFERENCE, subjectOf, withModel } from '../sides.mjs';

const NEW_TOKENS = 24;
const MATCH_LENGTH = 2;
const PENALTY = 1.3;
const SEEDED = { seed: 11, temperature: 0.9 };
/** `blocker` makes a citation blocker over what the model would write anyway, so that it has work at nearly every step. */
const CASES = {
  greedy: {},
  'repetition penalty': { repetitionPenalty: PENALTY },
  'no repeated bigram': { noRepeatNgramSize: 2 },
  'no repeated trigram of the output': { noRepeatNgramSize: 3, noRepeatNgramCountsPrompt: false },
  'citation blocker': { blocker: {} },
  'citation blocker, prompt counted': { blocker: { countPrompt: true } },
  'both blockers': { blocker: {}, noRepeatNgramSize: 2 },
  temperature: SEEDED,
  'top-k': { ...SEEDED, topK: 7 },
  'top-p': { ...SEEDED, topP: 0.8 },
  'min-p': { ...SEEDED, minP: 0.1 },
  everything: { ...SEEDED, topK: 40, topP: 0.95, minP: 0.02, repetitionPenalty: 1.1, noRepeatNgramSize: 3, blocker: {} },
};

/** Ragged on purpose: one token, shorter and longer than the windows of the models that have one. */
const promptsOf = (model) => [7, 1, 13, 4, 9].map((length, i) => randomRows(40 + i, 1, length, idCount(model))[0]);
/** More rows than the CPU's one-region step takes. */
const manyPrompts = (model) => Array.from({ length: 70 }, (_, i) => randomRows(200 + i, 1, 1 + (i % 9), idCount(model))[0]);

/** Both types of a model before the next model: what a limit cuts off is a family, not a type. */
export async function run({ settings, results }) {
  const drawn = { float32: { rows: 0, parted: 0 }, bfloat16: { rows: 0, parted: 0 } };
  await results.tries('70 rows', () => compareManyRows(settings, results));
  await results.tries('readings', () => compareReadings(settings, results));
  for (const name of tinyModels(settings)) {
    for (const dtype of Object.keys(drawn)) {
      await results.tries(`${name} ${dtype}`, () => compareModel({ name, dtype, settings, results, drawn: drawn[dtype] }));
    }
  }
  for (const dtype of Object.keys(drawn)) reportDrawn(dtype, drawn[dtype], results);
}

function reportDrawn(dtype, { rows, parted }, results) {
  const { partedShare } = BOUNDS[dtype];
  const name = `drawn rows that part, ${dtype}`;
  if (partedShare === undefined) results.figure(name, parted / rows, 'of all', { rows });
  else results.atMost(name, parted / rows, partedShare, { rows, parted });
}

async function compareModel({ name, dtype, settings, results, drawn }) {
  const path = tinyModelPath(name);
  const sequences = await withModel(path, REFERENCE, 'float32', async (model) =>
    (await model.generate(promptsOf(model), lengths(NEW_TOKENS))).map(({ promptIds, ids }) => [...promptIds, ...ids]),
  );
  const decode = (side) => withModel(path, side, dtype, (model) => decodeAll(model, sequences));
  const subject = await decode(subjectOf(settings));
  const reference = await decode(REFERENCE);
  await withModel(path, REFERENCE, dtype, (model) =>
    compareCases({ name: `${name} ${dtype}`, model, subject, reference, sequences, bounds: BOUNDS[dtype], results, drawn }),
  );
}

const lengths = (count) => ({ maxNewTokens: count, minNewTokens: count, stopIds: [] });

async function decodeAll(model, sequences) {
  const generations = {};
  for (const [name, { blocker, ...options }] of Object.entries(CASES)) {
    const citationBlocker =
      blocker &&
      (await CitationBlocker.create({
        sequences,
        vocabSize: model.config.vocabSize,
        matchLength: MATCH_LENGTH,
        waitForWordEnd: false,
        ...blocker,
      }));
    generations[name] = await model.generate(promptsOf(model), {
      ...lengths(NEW_TOKENS),
      tokenStats: true,
      ...options,
      ...(citationBlocker && { citationBlocker }),
    });
    citationBlocker?.dispose();
  }
  return generations;
}

/** Ids against ids, and the log-probability of each id against that of one whole forward pass on the CPU, whatever was drawn. */
async function compareCases({ name, model, subject, reference, sequences, bounds, results, drawn }) {
  const parted = [];
  let worstMargin = 0;
  let worstLogProb = 0;
  for (const [kind, options] of Object.entries(CASES)) {
    for (const [row, generation] of subject[kind].entries()) {
      const step = partingStep(generation.ids, reference[kind][row].ids);
      if (options.temperature) Object.assign(drawn, { rows: drawn.rows + 1, parted: drawn.parted + Number(step !== -1) });
      else if (step !== -1) {
        const margin = await marginAt(model, generation, reference[kind][row], step, options);
        worstMargin = Math.max(worstMargin, margin);
        parted.push({ kind, row, step, margin: Number(margin.toPrecision(3)) });
      }
    }
    worstLogProb = Math.max(worstLogProb, await largestLogProbError(model, subject[kind]));
  }
  results.atMost(
    `${name}: ids of ${Object.keys(CASES).length} ways, ragged; margin where they part`,
    worstMargin,
    bounds.margin,
    parted.length > 0 ? { parted } : {},
  );
  results.atMost(`${name}: log-probabilities of what was written`, worstLogProb, bounds.logProbs);
  results.holds(`${name}: blockers keep their word`, keepsItsWord(subject, sequences), {
    interventions: sum(subject['citation blocker'].map(({ interventions }) => interventions)),
  });
}

/** Ids are read 32 tokens at a time, or one by one where somebody listens: the same texts, whatever ends them where. */
async function compareReadings(settings, results) {
  const path = tinyModelPath('llama-tied-gqa');
  await withModel(path, subjectOf(settings), 'float32', async (model) => {
    const parted = [];
    for (const maxNewTokens of [1, 31, 32, 33, 65]) {
      const options = { maxNewTokens, stopIds: [2, 20, 31, 44], temperature: 1, seed: 3, noRepeatNgramSize: 4 };
      const heard = promptsOf(model).map(() => []);
      const silent = await model.generate(promptsOf(model), options);
      await model.generate(promptsOf(model), { ...options, onToken: (row, id) => heard[row].push(id) });
      for (const [row, { ids }] of silent.entries()) if (partingStep(ids, heard[row]) !== -1) parted.push({ maxNewTokens, row });
    }
    results.holds('ids read 32 at a time and one by one are the same', parted.length === 0, { parted });
  });
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** Where two rows part, -1 for never. */
function partingStep(ids, expected) {
  const length = Math.max(ids.length, expected.length);
  for (let step = 0; step < length; step++) if (ids[step] !== expected[step]) return step;
  return -1;
}

/** How much better the CPU's choice scores on the CPU than the device's, as a share of the largest score: near zero is a tie. */
async function marginAt(model, { promptIds, ids }, { ids: expected }, step, { repetitionPenalty = 1 }) {
  if (step >= ids.length || step >= expected.length) return Infinity;
  const history = [...promptIds, ...expected.slice(0, step)];
  const logits = take((await model.forward(batchOf([history]))).logits);
  const scores = logits.subarray(logits.length - model.config.outputVocabSize);
  const scoreOf = (id) =>
    !history.includes(id) ? scores[id] : scores[id] < 0 ? scores[id] * repetitionPenalty : scores[id] / repetitionPenalty;
  return Math.abs(scoreOf(expected[step]) - scoreOf(ids[step])) / largest(scores);
}

/** A decoding step reads a cache with rows of their own lengths; one forward pass over the same ids has none of that. */
async function largestLogProbError(model, generations) {
  const rows = generations.map(({ promptIds, ids }) => [...promptIds, ...ids]);
  const { loss } = await model.tokenStats(raggedBatch(rows));
  const sequenceLength = Math.max(...rows.map((row) => row.length));
  const errors = generations.flatMap(({ promptIds, logProbs }, row) => {
    const before = row * sequenceLength + promptIds.length - 1;
    return Array.from(logProbs, (logProb, step) => logProb + loss[before + step]);
  });
  return largest(errors);
}

/** By their definitions, on the device's own texts: no bigram twice, no span of the data longer than the match. */
function keepsItsWord(subject, sequences) {
  const gramsOf = (ids, size) => ids.slice(size - 1).map((_, at) => ids.slice(at, at + size).join(' '));
  const quoted = new Set(sequences.flatMap((sequence) => gramsOf(sequence, MATCH_LENGTH + 1)));
  const quotes = ({ ids }) => gramsOf([...ids], MATCH_LENGTH + 1).some((gram) => quoted.has(gram));
  const repeats = ({ promptIds, ids }) => {
    const grams = gramsOf([...promptIds, ...ids], 2);
    return grams.some((gram, at) => at >= promptIds.length - 1 && grams.indexOf(gram) < at);
  };
  const both = subject['both blockers'];
  return ![...subject['citation blocker'], ...both].some(quotes) && ![...subject['no repeated bigram'], ...both].some(repeats);
}

async function compareManyRows(settings, results) {
  const path = tinyModelPath('llama-tied-gqa');
  const decode = (side) => withModel(path, side, 'float32', (model) => model.generate(manyPrompts(model), lengths(12)));
  const subject = await decode(subjectOf(settings));
  const reference = await decode(REFERENCE);
  const margins = await withModel(path, REFERENCE, 'float32', (model) =>
    Promise.all(
      subject.map((generation, row) => {
        const step = partingStep(generation.ids, reference[row].ids);
        return step === -1 ? 0 : marginAt(model, generation, reference[row], step, {});
      }),
    ),
  );
  results.atMost('70 rows: margin where ids part', Math.max(...margins), BOUNDS.float32.margin, {
    parted: margins.filter((margin) => margin > 0).length,
  });
}
