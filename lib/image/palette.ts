import { HyperfitError } from '../errors.ts';

/** Colours [k][3] in [-1, 1]; a pixel's id is the index of its nearest colour. */
export type Palette = readonly (readonly [number, number, number])[];

/**
 * `levels` greys, evenly spaced from black to white.
 * @throws HyperfitError ERR_CONFIG unless 2 to 256
 *
 * @example
 * greyPalette(3); // [-1, -1, -1], [0, 0, 0], [1, 1, 1]
 */
export function greyPalette(levels: number): Palette {
  if (!Number.isInteger(levels) || levels < 2 || levels > 256) {
    throw new HyperfitError('ERR_CONFIG', `expected an integer from 2 to 256 for \`levels\`, got ${levels}; 16 suits small models`);
  }
  return Array.from({ length: levels }, (_, level) => {
    const value = (2 * level) / (levels - 1) - 1;
    return [value, value, value] as const;
  });
}

/**
 * Ids [pixels] of `rgb` (bytes [pixels x 3]): the nearest colour by squared distance from byte / 127.5 - 1, the first of equals. Source:
 * the image processor of ImageGPT in transformers.
 * @throws HyperfitError ERR_DATA for bytes that are no multiple of three, ERR_CONFIG for a palette without colours
 *
 * @example
 * quantise(Uint8Array.of(0, 0, 0, 250, 250, 250), greyPalette(3)); // 0, 2
 */
export function quantise(rgb: Uint8Array, palette: Palette): Int32Array {
  if (rgb.length % 3 !== 0) {
    throw new HyperfitError('ERR_DATA', `expected 3 bytes a pixel for \`rgb\`, got ${rgb.length} bytes; repeat a grey value three times`);
  }
  if (palette.length === 0) throw new HyperfitError('ERR_CONFIG', 'expected at least one colour for `palette`, got none; see greyPalette');
  const ids = new Int32Array(rgb.length / 3);
  const known = new Map<number, number>();
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const [red, green, blue] = [rgb[3 * pixel]!, rgb[3 * pixel + 1]!, rgb[3 * pixel + 2]!];
    const key = (red << 16) | (green << 8) | blue;
    let id = known.get(key);
    if (id === undefined) known.set(key, (id = nearest([red, green, blue], palette)));
    ids[pixel] = id;
  }
  return ids;
}

function nearest(pixel: readonly number[], palette: Palette): number {
  let best = 0;
  let least = Infinity;
  for (const [id, colour] of palette.entries()) {
    const distance = colour.reduce((sum, value, channel) => sum + (pixel[channel]! / 127.5 - 1 - value) ** 2, 0);
    if (distance < least) [best, least] = [id, distance];
  }
  return best;
}

/**
 * Bytes [3 x ids.length] of the ids' colours.
 * @throws HyperfitError ERR_DATA for an id outside the palette, such as the start token
 */
export function coloursOf(ids: ArrayLike<number>, palette: Palette): Uint8Array {
  const rgb = new Uint8Array(3 * ids.length);
  for (let pixel = 0; pixel < ids.length; pixel++) {
    const colour = palette[ids[pixel]!];
    if (!colour) {
      throw new HyperfitError(
        'ERR_DATA',
        `expected 0 to ${palette.length - 1} for \`ids[${pixel}]\`, got ${ids[pixel]}; leave out the start token`,
      );
    }
    rgb.set(
      colour.map((value) => Math.min(255, Math.max(0, Math.round(127.5 * (value + 1))))),
      3 * pixel,
    );
  }
  return rgb;
}
