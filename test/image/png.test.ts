import { deflateSync } from 'node:zlib';
import { encode } from 'fast-png';
import { isPng, readPng, writePng } from '../../lib/image/png.ts';

const RGB = Uint8Array.of(255, 0, 0, 1, 2, 3, 0, 0, 255, 9, 8, 7);

test('a picture comes back from its PNG', () => {
  const bytes = writePng({ width: 2, height: 2, rgb: RGB });
  expect(isPng(bytes)).toBe(true);
  expect(readPng(bytes)).toEqual({ width: 2, height: 2, rgb: RGB });
});

test.each([
  ['grey', { channels: 1, depth: 8, data: Uint8Array.of(5, 6) }, [5, 5, 5, 6, 6, 6]],
  ['grey with alpha', { channels: 2, depth: 8, data: Uint8Array.of(5, 255, 6, 255) }, [5, 5, 5, 6, 6, 6]],
  ['colour with alpha', { channels: 4, depth: 8, data: Uint8Array.of(1, 2, 3, 255, 4, 5, 6, 255) }, [1, 2, 3, 4, 5, 6]],
  ['16-bit', { channels: 3, depth: 16, data: Uint16Array.of(0, 257, 65535, 130, 65000, 300) }, [0, 1, 255, 1, 253, 1]],
  [
    'palette',
    {
      channels: 1,
      depth: 8,
      data: Uint8Array.of(1, 0),
      palette: [
        [7, 8, 9],
        [1, 2, 3],
      ],
    },
    [1, 2, 3, 7, 8, 9],
  ],
] as const)('%s PNGs are read', (_, image, rgb) => {
  const picture = readPng(
    encode({
      width: 2,
      height: 1,
      ...image,
      palette: 'palette' in image ? image.palette.map((colour) => [...colour]) : undefined,
    } as Parameters<typeof encode>[0]),
  );
  expect([...picture.rgb]).toEqual(rgb);
});

test('transparency and damage are refused', () => {
  const bytes = writePng({ width: 2, height: 2, rgb: RGB });
  expect(() => readPng(encode({ width: 1, height: 1, channels: 4, data: Uint8Array.of(1, 2, 3, 254) }), 'x.png')).toThrow(
    'expected an opaque image for `x.png`',
  );
  expect(() => readPng(bytes.subarray(0, bytes.length - 20))).toThrow('expected a whole PNG image');
  const flipped = bytes.slice();
  flipped[bytes.length - 20]! ^= 0xff;
  expect(() => readPng(flipped)).toThrow('expected a whole PNG image');
  expect(isPng(bytes.subarray(0, 4))).toBe(false);
});

/** Of Pillow: 3 x 2, one bit a pixel, and 3 x 2 with three palette colours in two bits. */
const ONE_BIT = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR4nGNoYGAAAAGEAIH5/mWIAAAAAElFTkSuQmCC', 'base64');
const TWO_BIT_PALETTE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgMAAADgGo6JAAAACVBMVEUAAAD/AAAA/wD0g79+AAAADElEQVR4nGMQYOAAAAA8ABm3tj0MAAAAAElFTkSuQmCC',
  'base64',
);

test('palette colours in few bits are read, greys in few bits refused', () => {
  expect([...readPng(TWO_BIT_PALETTE).rgb]).toEqual([0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0]);
  expect(() => readPng(ONE_BIT, 'x.png')).toThrow('expected 8 or 16 bits a channel for `x.png`, got 1; save it with 8');
});

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

describe('what a header says is held against the limits before anything is unpacked', () => {
  const chunk = (type: string, data: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const around = Buffer.alloc(8);
    around.writeUInt32BE(data.length, 0);
    around.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([around.subarray(0, 4), body, around.subarray(4)]);
  };
  const header = (width: number, height: number): Buffer => {
    const bytes = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
    bytes.writeUInt32BE(width, 0);
    bytes.writeUInt32BE(height, 4);
    return bytes;
  };
  const png = (...chunks: [string, Uint8Array][]): Buffer =>
    Buffer.concat([
      writePng({ width: 1, height: 1, rgb: RGB.subarray(0, 3) }).subarray(0, 8),
      ...chunks.map((each) => chunk(...each)),
      chunk('IEND', new Uint8Array()),
    ]);
  const bomb = deflateSync(Buffer.alloc(100e6));

  test.each([
    [
      'more pixels than any model takes',
      png(['IHDR', header(30_000, 30_000)], ['IDAT', bomb]),
      'expected an image of at most 4194304 pixels for `x.png`, got 30000 x 30000; resize it',
    ],
    ['more data than pixels', png(['IHDR', header(2, 2)], ['IDAT', bomb]), 'it holds more than the pixels of its header'],
    ['a chunk that is longer than the file', png(['IHDR', header(2, 2)]).subarray(0, 40), 'it is cut off'],
    ['no header', png(['IDAT', bomb]), 'it has no header'],
    ['a header that is cut off', png(['IHDR', Buffer.alloc(4)]), 'its header is cut off'],
  ])('%s', (_, bytes, words) => {
    const start = performance.now();
    expect(() => readPng(bytes, 'x.png')).toThrow(words);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('and chunks that draw nothing are not unpacked', () => {
    const drawn = deflateSync(Buffer.from([0, 1, 2, 3]));
    const profile = Buffer.concat([Buffer.from('x\0\0', 'latin1'), bomb]);
    expect([...readPng(png(['IHDR', header(1, 1)], ['iCCP', profile], ['zTXt', profile], ['IDAT', drawn])).rgb]).toEqual([1, 2, 3]);
  });
});
