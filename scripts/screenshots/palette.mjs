import { decode, encode } from 'fast-png';

/** A picture of a page again with 256 colours, a third of the bytes: those that are there most, and for any other the nearest. */
export function withPalette(png) {
  const { width, height, channels, data } = decode(png);
  const keys = new Uint16Array(width * height);
  const counts = new Map();
  for (let at = 0; at < keys.length; at++) {
    const [red, green, blue] = data.subarray(at * channels, at * channels + 3);
    keys[at] = ((red >> 3) << 10) | ((green >> 3) << 5) | (blue >> 3);
    const seen = counts.get(keys[at]);
    if (seen === undefined) counts.set(keys[at], { count: 1, colour: [red, green, blue] });
    else seen.count += 1;
  }
  const palette = [...counts.values()]
    .sort((a, b) => b.count - a.count)
    .slice(0, 256)
    .map(({ colour }) => colour);
  const nearest = new Map([...counts].map(([key, { colour }]) => [key, indexOfNearest(palette, colour)]));
  return encode(
    { width, height, depth: 8, channels: 1, palette, data: Uint8Array.from(keys, (key) => nearest.get(key)) },
    { zlib: { level: 9 } },
  );
}

function indexOfNearest(palette, colour) {
  let best = 0;
  let least = Infinity;
  for (const [index, candidate] of palette.entries()) {
    const distance = candidate.reduce((sum, value, at) => sum + (value - colour[at]) ** 2, 0);
    if (distance < least) [best, least] = [index, distance];
  }
  return best;
}
