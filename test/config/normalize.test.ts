import { errorCodeOf } from '../../lib/errors.ts';
import { FIELDS, FIELD_NAMES } from '../../lib/config/fields.ts';
import { environmentLayer, fileLayer, parseText, presetLayer } from '../../lib/config/layers.ts';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { PRESET_NAMES } from '../../lib/config/presets.ts';
import { renderConfig } from '../../lib/config/print.ts';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const flags = (values: Record<string, unknown>) => [{ name: 'flags', values }];

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    expect(errorCodeOf(error)).toBe('ERR_CONFIG');
    return (error as Error).message;
  }
  throw new Error('expected a refusal');
}

describe('the defaults', () => {
  test('pass their own checks', () => {
    for (const name of FIELD_NAMES)
      expect({ name, ok: FIELDS[name].schema.safeParse(FIELDS[name].default).success }).toEqual({ name, ok: true });
  });

  test('are the recipe of the paper', () => {
    const { config } = normalizeConfig([]);
    expect(config).toMatchObject({
      sequenceLength: 256,
      batchSize: 8,
      epochs: 20,
      learningRate: 1e-6,
      weightDecay: 0,
      maxGradNorm: 0,
      warmupSteps: 0,
    });
  });

  test.each(PRESET_NAMES)('the preset %s is accepted', (preset) => {
    expect(normalizeConfig([presetLayer(preset)]).sources.learningRate).toBe(`preset ${preset}`);
  });
});

describe('precedence', () => {
  test('the first layer that has a setting wins and is named as its source', () => {
    const environment = environmentLayer({ HYPERFIT_BATCH_SIZE: '4', HYPERFIT_SEED: '7', HYPERFIT_ORDER: '' });
    const { config, sources } = normalizeConfig([...flags({ batchSize: 2, seed: undefined }), environment, presetLayer('demo')]);
    expect([config.batchSize, config.seed, config.samples, config.order]).toEqual([2, 7, 64, 'shuffle']);
    expect([sources.batchSize, sources.seed, sources.samples, sources.eps]).toEqual(['flags', 'environment', 'preset demo', 'default']);
  });

  test('a step limit nearer to the user than the epoch limit lifts the latter', () => {
    expect(normalizeConfig(flags({ maxSteps: 500 })).config.epochs).toBeNull();
    expect(normalizeConfig(flags({ maxSteps: 500, epochs: 2 })).config.epochs).toBe(2);
    expect(normalizeConfig([...flags({ epochs: 3 }), { name: 'file', values: { maxSteps: 500 } }]).config.epochs).toBe(3);
  });

  test('the resolved settings print with their sources', () => {
    const text = renderConfig(normalizeConfig(flags({ learningRate: 3e-5 })));
    expect(text).toMatch(/^learningRate +0\.00003 +flags$/m);
    expect(text.split('\n')).toHaveLength(FIELD_NAMES.length);
  });
});

describe('refusals', () => {
  test('every problem is reported in one go', () => {
    const message = messageOf(() => normalizeConfig(flags({ learningRate: -1, batchSize: 2.5, order: 'random', colour: 'red' })));
    expect(message).toContain('4 problems');
    for (const part of ['learningRate', '--learning-rate', 'batchSize', '2.5', 'expected shuffle, identity or swap-K', '`colour`'])
      expect(message).toContain(part);
  });

  test.each([
    ['learningrate', 'learningRate'],
    ['learnign_rate', 'learningRate'],
    ['lr', 'learningRate'],
    ['epoch', 'epochs'],
    ['max_grad_norm', 'maxGradNorm'],
  ])('the unknown key %s is answered with %s', (key, meant) => {
    expect(messageOf(() => normalizeConfig(flags({ [key]: 1 })))).toContain(`did you mean ${meant}?`);
  });

  test.each([
    ['sequenceLength', 1],
    ['epochs', 0],
    ['seed', Number.NaN],
    ['betas', [0.9]],
    ['betas', [0.9, 1]],
    ['device', 'gpu'],
    ['computeDtype', 'float16'],
    ['topP', 1.5],
    ['resume', 'yes'],
    ['order', 'swap-0'],
    ['model', ''],
  ])('%s: %j is refused', (name, value) => {
    expect(messageOf(() => normalizeConfig(flags({ [name]: value })))).toContain(`\`${name}\` (flags`);
  });

  test('a run without any end is refused', () => {
    expect(messageOf(() => normalizeConfig(flags({ epochs: null })))).toContain('would never end');
  });

  test('more forward passes than sequences are refused', () => {
    expect(messageOf(() => normalizeConfig(flags({ batchSize: 2, gradientAccumulationSteps: 4 })))).toContain('gradientAccumulationSteps');
  });

  test('an unknown preset is answered with the known ones', () => {
    expect(messageOf(() => presetLayer('papper'))).toMatch(/demo, paper, official-code.*did you mean paper/);
  });
});

describe('text values', () => {
  test.each([
    ['learningRate', '1e-5', 1e-5],
    ['betas', '0.9,0.95', [0.9, 0.95]],
    ['loraTargets', 'q_proj,v_proj', ['q_proj', 'v_proj']],
    ['samples', 'none', null],
    ['order', 'swap-3', 'swap-3'],
    ['resume', 'true', true],
    ['model', '123', '123'],
    ['batchSize', 'many', 'many'],
  ] as const)('%s=%s becomes %j', (name, text, value) => {
    expect(parseText(name, text)).toEqual(value);
  });
});

describe('the settings file', () => {
  const write = (text: string): string => {
    const path = join(mkdtempSync(join(tmpdir(), 'hyperfit-config-')), 'settings.json');
    writeFileSync(path, text);
    return path;
  };

  test('holds one JSON object', () => {
    expect(normalizeConfig([fileLayer(write('{"epochs": 3, "$schema": "x"}'))]).config.epochs).toBe(3);
  });

  test.each([
    ['not json', 'expected JSON'],
    ['[1]', 'one object'],
  ])('%s is refused', (text, part) => {
    expect(messageOf(() => fileLayer(write(text)))).toContain(part);
  });

  test('a missing file is named', () => {
    expect(messageOf(() => fileLayer('/nowhere/settings.json'))).toContain('/nowhere/settings.json');
  });
});
