import { Random } from '../../lib/data/random.ts';
import { mauveOfSeeds } from '../../lib/evaluate/mauve.ts';
import { measureInterventions } from '../../lib/evaluate/memorisation.ts';
import { selfBleuWithoutEach } from '../../lib/evaluate/self-bleu-jackknife.ts';
import { measureImage } from '../../lib/image/image-metrics.ts';
import { findStudy } from '../../lib/study/studies.ts';

const ids = Int32Array.of(1, 2, 3);
const point = Float32Array.of(1, 0);

test.each([
  {
    what: 'Self-BLEU without each of two texts',
    code: 'ERR_DATA',
    work: () =>
      selfBleuWithoutEach([
        [1, 2],
        [3, 4],
      ]),
  },
  { what: 'MAUVE without seeds', code: 'ERR_CONFIG', work: () => mauveOfSeeds([point, point], [point, point], {}, []) },
  { what: 'texts without their partners', code: 'ERR_DATA', work: () => measureInterventions([{ ids }, { ids }], [{ ids }]) },
  { what: 'an image that is all context', code: 'ERR_SHAPE', work: () => measureImage(Int32Array.of(1, 2, 3, 4), 2, 4) },
  { what: 'an image whose last row the context touches', code: 'ERR_SHAPE', work: () => measureImage(Int32Array.of(1, 2, 3, 4), 2, 3) },
  { what: 'rows of no width', code: 'ERR_SHAPE', work: () => measureImage(Int32Array.of(1, 2, 3, 4), 0, 0) },
  { what: 'a draw below 0', code: 'ERR_CONFIG', work: () => new Random(0).nextBelow(0) },
  { what: 'a draw below a half', code: 'ERR_CONFIG', work: () => new Random(0).nextBelow(0.5) },
])('$what: refused with $code', ({ code, work }) => {
  expect(work).toThrow(expect.objectContaining({ code, message: expect.stringMatching(/^expected .+, got /) }));
});

test('names that every object has are no studies', () => {
  for (const name of ['toString', 'constructor', '__proto__', '']) expect(findStudy(name)).toBeUndefined();
});
