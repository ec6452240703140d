import { nameFlags } from '../../lib/cli/name-flags.ts';

const FLAGS = ['--temperature', '--learning-rate', '--keep-last-checkpoints', '--stop', '--no-wait-for-word-end', '--tokenizer', '--out'];

test.each([
  ['expected `temperature` above 0', 'expected `--temperature` above 0'],
  ['lower learningRate, or keepLastCheckpoints', 'lower --learning-rate, or --keep-last-checkpoints'],
  ['expected texts in `stopStrings`', 'expected texts in `--stop`'],
  ['`waitForWordEnd`', '`--wait-for-word-end`'],
  ['name the model with `tokenizer`', 'name the model with `--tokenizer`'],
  ['`learningRate` (flags, --learning-rate): expected', '`--learning-rate`: expected'],
  ['`learningRate` (environment, --learning-rate): expected', 'HYPERFIT_LEARNING_RATE: expected'],
  ['`learningRate` (file c.json, --learning-rate): expected', '`learningRate` (file c.json, --learning-rate): expected'],
  ['got `learnigRate` (file c.json) (did you mean learningRate?)', 'got `learnigRate` (file c.json) (did you mean learningRate?)'],
  ['in /data/learningRate/x and learningRate.txt', 'in /data/learningRate/x and learningRate.txt'],
  ['`topK` is no flag here, nor is maxSteps', '`topK` is no flag here, nor is maxSteps'],
  ['a temperature, and an out', 'a temperature, and an out'],
  ['"learningRate"', '"learningRate"'],
])('%s', (message, expected) => {
  expect(nameFlags(message, FLAGS)).toBe(expected);
});
