import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { normalizeConfig } from '../../lib/config/normalize.ts';
import { readPlayedRun } from '../../lib/play/played-run.ts';
import { readComparisonFile } from '../../lib/run/comparison-file.ts';
import { savedRunFile } from '../../lib/run/run-file.ts';
import { runFolder } from '../../lib/run/run-folder.ts';
import { writeRunReport } from '../../lib/run/run-report.ts';
import { freshFolder, refusal, TINY_MODEL } from '../train/tiny.ts';

/** Files of a run that somebody changed: what is not there any more is said, whoever asks for it. */

function writeRun(run: object, comparison: unknown = { schemaVersion: 1, contexts: [], variants: [] }): string {
  const folder = join(freshFolder(), 'run');
  mkdirSync(folder);
  const { config } = normalizeConfig([{ name: 'test', values: { model: TINY_MODEL, data: '/texts/novel.txt' } }]);
  const file = {
    schemaVersion: 1,
    createdAt: '',
    config,
    resumedAtSteps: [],
    model: { path: TINY_MODEL, files: {} },
    data: { samples: [] },
    warnings: [],
    ...run,
  };
  writeFileSync(join(folder, 'run.json'), JSON.stringify(file));
  writeFileSync(join(folder, 'comparison.json'), JSON.stringify(comparison));
  return folder;
}

test.each([
  ['no model', { model: {} }],
  ['samples that are no list', { data: { samples: 3 } }],
])('a run.json with %s is none', async (_, run) => {
  const folder = writeRun(run);
  expect(() => savedRunFile(runFolder(folder))).toThrow(/expected settings, versions and data/);
  expect(await refusal(readPlayedRun(folder))).toMatchObject({ code: 'ERR_CHECKPOINT' });
});

test.each([
  ['examples without a source', { examples: [{}] }, undefined],
  ['no warnings', { warnings: null }, undefined],
  ['a comparison without variants', {}, { schemaVersion: 1, contexts: [] }],
  ['a comparison that is a list', {}, [1]],
  ['variants without results', {}, { contexts: [], variants: [{ name: 'x' }] }],
])('a report of a run with %s says so', async (_, run, comparison) => {
  const { code, message } = await refusal(writeRunReport(runFolder(writeRun(run, comparison))));
  expect([code, message]).toEqual([
    'ERR_CHECKPOINT',
    expect.stringMatching(/as hyperfit train wrote them in .*put back the file that was changed/),
  ]);
});

test('contexts without their source are refused by who shows them', async () => {
  const folder = writeRun({}, { contexts: [{ contextText: 'x' }], variants: [] });
  expect(readComparisonFile(runFolder(folder)).contexts).toHaveLength(1);
  expect(await refusal(readPlayedRun(folder))).toMatchObject({ code: 'ERR_CHECKPOINT' });
});
