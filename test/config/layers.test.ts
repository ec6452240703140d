import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileLayer } from '../../lib/config/layers.ts';

test('a file of settings may begin with a byte-order mark', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hyperfit-mark-'));
  try {
    writeFileSync(join(folder, 'a.json'), '\ufeff{"samples": 3}');
    expect(fileLayer(join(folder, 'a.json')).values).toEqual({ samples: 3 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
