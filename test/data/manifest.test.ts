import { hashIds, makeManifest } from '../../lib/data/manifest.ts';

const sequence = (...ids: number[]): { ids: Int32Array; source: string; offset: number } => ({
  ids: Int32Array.from(ids),
  source: 'a.txt',
  offset: 3,
});

describe('manifest', () => {
  test('hashes ids as little-endian 32-bit integers', () => {
    // printf '\x01\x00\x00\x00\x00\x01\x00\x00' | sha256sum
    expect(hashIds(Int32Array.of(1, 256))).toBe('242045e2f1bb37769b514f182fd91b3d215324cb57f187cced1e9c62921dbac3');
    expect(hashIds(Int32Array.of(0, 1, 256, 9).subarray(1, 3))).toBe(hashIds(Int32Array.of(1, 256)));
  });

  test('says where each sample came from', () => {
    const manifest = makeManifest([sequence(1, 2, 3), sequence(4, 5)]);
    expect(manifest.samples[0]).toEqual({ source: 'a.txt', offset: 3, length: 3, sha256: hashIds(Int32Array.of(1, 2, 3)) });
    expect(manifest.tokens).toBe(5);
    expect(JSON.parse(JSON.stringify(manifest))).toEqual(manifest);
  });

  test('changes with ids and with their order, not with where they were found', () => {
    const whole = (...sequences: ReturnType<typeof sequence>[]): string => makeManifest(sequences).sha256;
    const one = whole(sequence(1, 2), sequence(3));
    expect(whole(sequence(3), sequence(1, 2))).not.toBe(one);
    expect(whole(sequence(1), sequence(2, 3))).not.toBe(one);
    expect(whole({ ...sequence(1, 2), source: 'elsewhere' }, sequence(3))).toBe(one);
  });
});
