const Sequencer = require('@jest/test-sequencer').default;

/** Of a fresh clone jest knows no times, and a long file that starts last leaves the other cores idle. In the order of their times; those of the same folder count alike. */
const LONG = [
  'scripts/check-device', 'scripts/bench-device', 'cli/commands', 'scripts/pack-device', 'evaluate/significance', 'cli/refusals', 'study/study', 'packaging/tarball',
  'oracle/tiny-models', 'checkpoint/awkward-file-system', 'oracle/weight-spellings', 'oracle/config-variants', 'run/survival',
  'libtorch/cuda-driver', 'study/pieces', 'tokenizer/llama-cpp-vocabularies', 'cli/generate', 'data/whole-text', 'run/run',
];

class LongestFirst extends Sequencer {
  sort(tests) {
    const rank = ({ path }) => LONG.findIndex((name) => path.endsWith(`/test/${name}.test.ts`));
    const place = (test) => (rank(test) === -1 ? LONG.length : rank(test));
    return super.sort(tests).sort((a, b) => place(a) - place(b));
  }
}

LongestFirst.LONG = LONG;
module.exports = LongestFirst;
