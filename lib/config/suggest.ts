/** Edits (insert, delete, replace, exchange of neighbours) that turn one word into the other. */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...new Array<number>(b.length).fill(0)]);
  const at = (i: number, j: number): number => rows[i]?.[j] ?? 0;
  for (let j = 0; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let best = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, replaced);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, at(i - 2, j - 2) + 1);
      rows[i]![j] = best;
    }
  }
  return at(a.length, b.length);
}

/** Other people's words for settings of ours. */
const SYNONYMS: Readonly<Record<string, string>> = {
  lr: 'learningRate',
  bs: 'batchSize',
  wd: 'weightDecay',
  clip: 'maxGradNorm',
  steps: 'maxSteps',
  seqlen: 'sequenceLength',
  blocksize: 'sequenceLength',
  dtype: 'computeDtype',
  output: 'out',
  outputdir: 'out',
  dataset: 'data',
  lorar: 'loraRank',
  targetmodules: 'loraTargets',
  layerstotransform: 'loraLayers',
  quantization: 'quantize',
  quant: 'quantize',
  qat: 'quantize',
  gradientcheckpointing: 'recompute',
  optimizerinbackward: 'stepInBackward',
  optimizerinbwd: 'stepInBackward',
  activationcheckpointing: 'recompute',
  optimizer: 'optim',
  adamw8bit: 'optim',
};

const plain = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, '');

/** The known name that others call `name`, or undefined. */
export function synonymOf(name: string, known: readonly string[]): string | undefined {
  const synonym = SYNONYMS[plain(name)];
  return synonym !== undefined && known.includes(synonym) ? synonym : undefined;
}

/** The known name that `name` was probably meant to be, or undefined when none is near. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const synonym = synonymOf(name, known);
  if (synonym !== undefined) return synonym;
  const ranked = known.map((candidate) => ({ candidate, distance: editDistance(plain(name), plain(candidate)) }));
  const [best] = ranked.sort((left, right) => left.distance - right.distance);
  return best !== undefined && best.distance <= Math.max(1, Math.floor(name.length / 3)) ? best.candidate : undefined;
}

/** ` (did you mean X?)`, or nothing. */
export function didYouMean(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '' : ` (did you mean ${nearest}?)`;
}
