const Sequencer = require('@jest/test-sequencer').default;

/**
 * Of a fresh clone jest knows no times, and a long file that starts last leaves the other cores idle. In the order of their times; those of
 * the same folder count alike.
 */
const LONG = [
  'stand-ins/device-decoding',
  'packaging/tarball',
  'scripts/pack-device',
  'scripts/check-device',
  'study/own',
  'evaluate/significance',
  'compare/page',
  'run/survival',
  'scripts/bench-device',
  'stand-ins/operator-budgets',
  'scripts/check-instructions',
  'native/lifetimes',
  'reliability/disks',
  'study/pieces',
  'cli/chat-command',
  'reliability/kills',
  'native/workers',
  'cli/runs',
  'on-device/command-line',
  'cli/commands',
  'oracle/tiny-models',
  'on-device/runs',
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
