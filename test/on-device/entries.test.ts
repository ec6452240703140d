import type { Command } from 'commander';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { buildProgram } from '../../lib/cli/program.ts';
import { FIELDS } from '../../lib/config/fields.ts';
import { Model } from '../../lib/model/model.ts';

// What takes a device is tried on each device, or somebody says here where. A new entry fails until it stands in a table.

const ROOT = resolve(__dirname, '../..');

interface Trial {
  file: string;
  /** What the test does with a device that is a parameter. */
  calls: RegExp;
}

/** Every place of the library at which a caller names a device. */
const OPTIONS: Record<string, Trial> = {
  'lib/model/load-options.ts': { file: 'on-device/decoding.test.ts', calls: /Model\.load\(TINY_MODEL, \{ device \}\)/ },
  'lib/checkpoint/checkpoint.ts': { file: 'on-device/checkpoints.test.ts', calls: /loadAndGoOn\(folder, \{ device, lora \}\)/ },
  'lib/tensor/tensor-class.ts': { file: 'tensor/from.test.ts', calls: /Tensor\.from\(data as Float32Array, \{ device \}\)/ },
  'lib/model/memory-estimate.ts': {
    file: 'model/memory-estimate.test.ts',
    calls: /estimateTrainingMemory\(model\.config, \{ \.\.\.options, device,/,
  },
  'lib/tensor/tensor-options.ts': { file: 'tensor/from.test.ts', calls: /Tensor\.from\(data as Float32Array, \{ device \}\)/ },
  'lib/tensor/torch.ts': { file: 'tensor/from.test.ts', calls: /torch\.zeros\(\[2, 2\], \{ device \}\)/ },
  'lib/model/tensor-file.ts': { file: 'on-device/checkpoints.test.ts', calls: /loadCheckpoint\(folder, loading\)/ },
};

/** What goes on from a loaded model: it computes where the model lies. */
const WORK: Record<string, Trial> = {
  'hyperfit()': { file: 'train/hyperfit.test.ts', calls: /hyperfit\(model, options\(/ },
  'run()': { file: 'on-device/runs.test.ts', calls: /run\(textSettings\(\{ device,/ },
  'runStudy()': { file: 'on-device/studies.test.ts', calls: /maxNewTokens: 6, device \}/ },
  'evaluate()': { file: 'on-device/evaluation.test.ts', calls: /evaluate\(model, / },
  'textFeatures()': { file: 'on-device/evaluation.test.ts', calls: /textFeatures\(model, / },
  'model.forward': { file: 'oracle/tiny-models.test.ts', calls: /model\.forward\(/ },
  'model.lastHiddenState': { file: 'oracle/tiny-models.test.ts', calls: /model\.lastHiddenState\(/ },
  'model.forwardBackward': { file: 'oracle/autograd.test.ts', calls: /model\.forwardBackward\(/ },
  'model.tokenStats': { file: 'on-device/decoding.test.ts', calls: /model\.tokenStats\(/ },
  'model.generate': { file: 'oracle/decoding-properties.test.ts', calls: /model\.generate\(/ },
  'model.stream': { file: 'on-device/decoding.test.ts', calls: /model\.stream\(/ },
  'model.changedShare': { file: 'on-device/checkpoints.test.ts', calls: /model\.changedShare\(/ },
  'model.save': { file: 'on-device/checkpoints.test.ts', calls: /model\.save\(/ },
  'model.exportGguf': { file: 'on-device/checkpoints.test.ts', calls: /model\.exportGguf\(/ },
  'model.setQuantization': { file: 'on-device/quantization.test.ts', calls: /model\.setQuantization\(/ },
  'model.setStoredForms': { file: 'on-device/quantization.test.ts', calls: /model\.setStoredForms\(/ },
  'model.forwardParameters': { file: 'on-device/quantization.test.ts', calls: /model\.forwardParameters\(/ },
  'model.heldParameter': { file: 'model/frozen-weights.test.ts', calls: /model\.heldParameter\(/ },
  'saveCheckpoint()': { file: 'on-device/checkpoints.test.ts', calls: /saveCheckpoint\(folder, / },
  'optimizer.saveAdapter': { file: 'on-device/checkpoints.test.ts', calls: /optimizer\.saveAdapter\(/ },
  'Optimizer with lora': { file: 'oracle/lora.test.ts', calls: /new Optimizer\(model, \{ lora/ },
  CitationBlocker: { file: 'oracle/blocked-decoding.test.ts', calls: /citationBlocker \}/ },
  'a GGUF file': { file: 'model/gguf-models.test.ts', calls: /withModel\(ggufPath\(name\), device/ },
};

/** Commands with --device. */
const COMMANDS: Record<string, Trial> = Object.fromEntries(
  ['train', 'generate', 'chat', 'play', 'evaluate', 'demo', 'study', 'export', 'save', 'patch', 'average', 'serve'].map((name) => [
    name,
    { file: 'on-device/command-line.test.ts', calls: new RegExp(`\\['${name}', `) },
  ]),
);

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesUnder(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

const textOf = (file: string): string => readFileSync(join(ROOT, 'test', file), 'utf8');

/**
 * An option or a last parameter that callers of other modules fill in: ` device?: string`, or `device: string` of an exported function that
 * reads files.
 */
const TAKES_DEVICE =
  /^ *device\?: (string|DeviceName)|\bdevice = 'cpu'|\{ dtype\?: DType; device\?: string \}|^export async function \w+\((?:.*|[^)]*)\bdevice: string,?\s*\)/m;

test('every option called device stands in the table', () => {
  const taking = filesUnder(join(ROOT, 'lib')).filter((path) => path.endsWith('.ts') && TAKES_DEVICE.test(readFileSync(path, 'utf8')));
  expect(taking.map((path) => relative(ROOT, path)).sort()).toEqual(Object.keys(OPTIONS).sort());
  expect(Object.keys(FIELDS)).toContain('device'); // runs and studies: below
});

/** Of a model, what only tells or frees. */
const NO_WORK = [
  'path',
  'config',
  'notes',
  'eosTokenIds',
  'chatTemplate',
  'requireTokenizer',
  'renderChat',
  'encodeChat',
  'parameters',
  'gradients',
  'zeroGradients',
  'memoryUsage',
  'quantization',
  'dispose',
  'loadAdapter',
  'reserve',
];

test('every method of a model stands in the table, or among those that only tell', () => {
  const methods = Object.getOwnPropertyNames(Model.prototype).filter((name) => name !== 'constructor' && !NO_WORK.includes(name));
  expect(methods.filter((name) => !(`model.${name}` in WORK))).toEqual([]);
});

test('every command with --device stands in the table', async () => {
  const withDevice = (command: Command): string[] => [
    ...(command.options.some(({ long }) => long === '--device') ? [command.name()] : []),
    ...command.commands.flatMap(withDevice),
  ];
  expect([...new Set(withDevice(await buildProgram()))].sort()).toEqual(Object.keys(COMMANDS).sort());
});

/** As if no line had been broken, whichever quotes stand around a text. */
const onOneLine = (text: string): string =>
  text
    .replace(/\s+/g, ' ')
    .replace(/([([]) /g, '$1')
    .replace(/,? ([)\]])/g, '$1')
    .replace(/, \}/g, ' }');

test.each(Object.entries({ ...OPTIONS, ...WORK, ...COMMANDS }))('%s is tried on each device', (_, { file, calls }) => {
  const text = onOneLine(textOf(file));
  expect(text).toMatch(/describeOnEachDevice\((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"), (?:\(device\)|declare)/);
  expect(text).toMatch(calls);
});

/** Calls of what takes a device, each with its arguments up to a function among them. */
function callsIn(text: string): string[] {
  return [...text.matchAll(/\b(?:Model\.load|loadCheckpoint|Tensor\.from|withModel)\(/g)].map(({ 0: call, index }) => {
    let [end, depth] = [index + call.length, 1];
    for (; depth > 0; end += 1) depth += text[end] === '(' ? 1 : text[end] === ')' ? -1 : 0;
    return text.slice(index, end).split('=>')[0]!;
  });
}

test('no test of this folder computes on the CPU without saying so', () => {
  const files = readdirSync(__dirname).filter((name) => name.endsWith('.test.ts') && name !== 'entries.test.ts');
  const calls = files.flatMap((name) => callsIn(onOneLine(textOf(join('on-device', name)))).map((call) => `${name}: ${call}`));
  expect(calls.length).toBeGreaterThan(files.length);
  expect(calls.filter((call) => !/: .*(?:device|'cpu'|loading)/.test(call))).toEqual([]);
});
