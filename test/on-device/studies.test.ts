import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { presetLayer } from '../../lib/config/layers.ts';
import { runStudy } from '../../lib/study/run-study.ts';
import { normalizeSetting } from '../../lib/study/setting.ts';
import { findStudy } from '../../lib/study/studies.ts';
import type { StudyName } from '../../lib/study/study.ts';
import { describeOnEachDevice } from '../devices.ts';
import { freshFolder, randomSequences, TINY_MODEL, writeIds } from '../train/tiny.ts';

jest.setTimeout(300_000);

describeOnEachDevice('Studies', (device) => {
  // Together they train, from random weights too, write, also under a static bias, read probabilities off, rank tokens and compare hidden
  // states.
  test.each<StudyName>(['curve', 'temperature', 'probe', 'quality', 'grokking'])(
    '%s: every cell is done and every finding has its value',
    async (name) => {
      const folder = freshFolder();
      const data = writeIds(join(folder, 'ids.jsonl'), randomSequences(Array.from({ length: 10 }, () => 14)));
      const values = {
        samples: 6,
        batchSize: 3,
        epochs: 2,
        learningRate: 1e-2,
        comparisonContexts: 2,
        contextLength: 5,
        maxNewTokens: 6,
        device,
      };
      const setting = normalizeSetting({
        model: TINY_MODEL,
        out: join(folder, 'study'),
        domains: [{ name: 'noise', data, heldOut: null }],
        seeds: [0],
        probeText: 'It was a dark night at sea',
        layers: [{ name: 'options', values }, presetLayer('demo')],
      });
      const file = await runStudy(findStudy(name)!, setting, {});
      expect(file.machine.device).toBe(device);
      expect(file.findings!.rows.length).toBeGreaterThan(0);
      expect(file.findings!.rows.some(({ ours }) => ours !== null && Number.isFinite(ours.value))).toBe(true);
      expect(existsSync(join(folder, 'study', 'table.md'))).toBe(true);
    },
  );
});
