import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Model } from '../../lib/model/model.ts';
import { exportModel } from '../../lib/run/export.ts';
import { GATE_MARGINS, measureGate, measureText, renderGate } from '../../lib/run/export-gate.ts';
import { makeModel, promptsOf } from '../oracle/exported-models.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hyperfit-gate-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

let count = 0;
/** A tiny model whose update of `size` was made from the float32 folder `base`. */
async function moved(size: number, name = 'llama-tied-gqa'): Promise<{ model: Model; base: string; contexts: Int32Array[] }> {
  const base = await makeModel(name, join(folder, `${(count += 1)}`));
  const model = await Model.load(base);
  for (const [name, tensor] of model.parameters()) {
    if (name.endsWith('_proj.weight')) tensor.add_(tensor.cos().mul(size));
    tensor.dispose();
  }
  return { model, base, contexts: promptsOf(model.config.vocabSize) };
}

test('float32 passes the gate with everything kept, and the Modelfile stands beside', async () => {
  const { model, base, contexts } = await moved(0.05);
  const out = join(folder, 'f32.gguf');
  const result = await exportModel(model, out, { type: 'F32', gate: 'refuse', contexts, base, maxNewTokens: 24 });
  expect(result.gate).toMatchObject({ agreement: 1, problems: [], contexts: 8, update: { kept: expect.closeTo(1, 6), grids: [] } });
  expect(result.gate!.exported).toEqual(result.gate!.model);
  expect(result).toMatchObject({ paths: [out], modelfile: join(folder, 'f32.Modelfile'), tried: [] });
  const modelfile = readFileSync(result.modelfile!, 'utf8');
  for (const line of ['FROM ./f32.gguf', 'PARAMETER temperature 0', 'PARAMETER repeat_penalty 1', 'PARAMETER stop "</s>"'])
    expect(modelfile.split('\n')).toContain(line);
  expect(renderGate(result.gate!, 'F32')).toMatch(/exported, F32 .*100\.0 %\s+100\.0 %/);
  model.dispose();
});

test('an update below the steps of the grid is lost on it: the gate says so, and refuses when asked to', async () => {
  const { model, base, contexts } = await moved(0, 'llama-yarn-rope');
  // The base on a grid of 4 bits, and a model that is a little beside it.
  const grid = join(folder, 'grid.gguf');
  const floats = await Model.load(base);
  await floats.exportGguf(grid, { type: 'Q4_0' });
  floats.dispose();
  const onGrid = await Model.load(grid);
  for (const [name, tensor] of onGrid.parameters()) {
    if (name.endsWith('_proj.weight')) tensor.add_(tensor.abs().mul(1e-4));
    tensor.dispose();
  }
  const out = join(folder, 'lost.gguf');
  await expect(exportModel(onGrid, out, { type: 'Q4_0', gate: 'refuse', contexts, base: grid, maxNewTokens: 16 })).rejects.toMatchObject({
    code: 'ERR_CONFIG',
    message: expect.stringMatching(/of the update .* survives/),
  });
  expect(readdirSync(folder).filter((name) => name.startsWith('lost'))).toEqual([]);
  const warned = await exportModel(onGrid, out, { type: 'Q4_0', gate: 'off', base: grid, maxNewTokens: 16 });
  expect(warned.gate!.update!.kept).toBeLessThan(GATE_MARGINS.updateKept);
  expect(warned.warnings.join('\n')).toMatch(/grid of the same type \(.*Q4_0.*\): small changes fall back.* 0\.0 % of the update/);
  const { lost } = warned.gate!.update!;
  expect(lost.of).toBeGreaterThan(0);
  expect(lost.matrices).toBe(lost.of);
  expect(warned.warnings.join('\n')).toContain(
    `close to that of ${lost.of} of ${lost.of} matrices: there less than half of the update survives`,
  );
  const automatic = await exportModel(onGrid, join(folder, 'auto.gguf'), { type: 'auto', contexts, base: grid, maxNewTokens: 16 });
  expect(automatic.tried.map(({ type }) => type)).toContain('Q4_0');
  expect(automatic.gate!.problems).toEqual([]);
  expect(existsSync(join(folder, 'auto.gguf'))).toBe(true);
  onGrid.dispose();
  model.dispose();
});

test("a text that is varied and no longer the model's is told of", async () => {
  const [{ model, contexts }, { model: other }] = [await moved(0), await moved(0.3)];
  const options = { contexts, maxNewTokens: 24 };
  const { agreement, problems } = await measureGate(model, other, await measureText(model, options), options);
  expect(agreement).toBeLessThan(GATE_MARGINS.agreement);
  expect(problems.join('\n')).toMatch(/another text: its first choices agree with the model's in \d+\.\d %, less than 50\.0 %/);
  for (const each of [model, other]) each.dispose();
});

test('what cannot be asked of the gate is refused before anything is written', async () => {
  const { model, contexts } = await moved(0);
  const out = join(folder, 'none.gguf');
  const refused = (options: object, message: RegExp) =>
    expect(exportModel(model, out, options)).rejects.toMatchObject({
      code: expect.stringMatching(/ERR_CONFIG|ERR_CHECKPOINT/),
      message: expect.stringMatching(message),
    });
  await refused({ type: 'auto' }, /expected contexts for `type` auto/);
  await refused({ gate: 'refuse' }, /expected contexts for `gate` refuse/);
  await refused({ type: 'auto', gate: 'off', contexts }, /`gate` warn or refuse/);
  const other = await makeModel('llama-untied-mha', join(folder, 'other'));
  await refused({ base: other }, /another shape/);
  await writeFile(join(folder, 'none.Modelfile'), 'mine');
  await refused({}, /Modelfile/);
  await writeFile(join(folder, 'none.README.md'), 'mine');
  await refused({ modelfile: false }, /model card/);
  for (const name of ['none.Modelfile', 'none.README.md']) expect(readFileSync(join(folder, name), 'utf8')).toBe('mine');
  expect(existsSync(out)).toBe(false);
  model.dispose();
});
