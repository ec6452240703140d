import { HyperfitError } from '../errors.ts';
import type { Picture } from './pixels.ts';

/** How a grid of images is drawn. */
export interface GridOptions {
  /** How many pixels of each image were given; a red line runs below them. None: no line. */
  contextPixels?: number;
  /** Images side by side before the rows begin again below; default 8. */
  columns?: number;
  /** Screen pixels per pixel; by default such that images are about 96 wide. */
  scale?: number;
}

const GAP = 6;
/** Between blocks of rows. */
const BLOCK_GAP = 18;
const TARGET_WIDTH = 96;
const RED = [220, 30, 30] as const;
const LINE = 2;

/**
 * Rows of images of one size under one another, `rows[r][i]` the same image i in each row; more than `columns` images go on in further
 * blocks below.
 * @throws HyperfitError ERR_DATA without images, for rows of different length and for images of different size
 *
 * @example
 * const digits = await openImages('digits/');
 * const row = await Promise.all([0, 1, 2].map((index) => digits.read(index)));
 * const png = writePng(renderGrid([row], { scale: 4 }));
 */
export function renderGrid(rows: readonly (readonly Picture[])[], options: GridOptions = {}): Picture {
  const [width, height] = checkRows(rows);
  const { columns = 8, scale = Math.max(1, Math.round(TARGET_WIDTH / width)), contextPixels } = options;
  const count = rows[0]!.length;
  const [across, blocks] = [Math.min(columns, count), Math.ceil(count / columns)];
  const [tileWidth, tileHeight] = [width * scale, height * scale];
  const blockHeight = rows.length * (tileHeight + GAP) - GAP;
  const canvas = new Canvas(across * (tileWidth + GAP) + GAP, blocks * (blockHeight + BLOCK_GAP) - BLOCK_GAP + 2 * GAP);
  rows.forEach((pictures, row) =>
    pictures.forEach((picture, index) => {
      const left = GAP + (index % columns) * (tileWidth + GAP);
      const top = GAP + Math.floor(index / columns) * (blockHeight + BLOCK_GAP) + row * (tileHeight + GAP);
      canvas.drawPicture(picture, left, top, scale);
      if (contextPixels !== undefined) canvas.drawBorder(contextPixels, width, left, top, scale);
    }),
  );
  return canvas;
}

function checkRows(rows: readonly (readonly Picture[])[]): [width: number, height: number] {
  const first = rows[0]?.[0];
  if (first === undefined) throw new HyperfitError('ERR_DATA', 'expected images for `rows`, got none; give at least one');
  const { width, height } = first;
  const odd = rows.find(
    (row) => row.length !== rows[0]!.length || row.some((picture) => picture.width !== width || picture.height !== height),
  );
  if (odd !== undefined)
    throw new HyperfitError(
      'ERR_DATA',
      `expected ${rows[0]!.length} images of ${width} x ${height} in each of \`rows\`, got others; draw them in grids of their own`,
    );
  return [width, height];
}

/** White paper for one grid. */
class Canvas implements Picture {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;

  constructor(width: number, height: number) {
    [this.width, this.height] = [width, height];
    this.rgb = new Uint8Array(3 * width * height).fill(255);
  }

  drawPicture({ width, height, rgb }: Picture, left: number, top: number, scale: number): void {
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const from = 3 * (Math.floor(y / scale) * width + Math.floor(x / scale));
        this.rgb.set(rgb.subarray(from, from + 3), 3 * ((top + y) * this.width + left + x));
      }
    }
  }

  /** The line below the last given pixel of each column; a context that ends within a row makes a step. */
  drawBorder(contextPixels: number, width: number, left: number, top: number, scale: number): void {
    for (let x = 0; x < width * scale; x++) {
      const given = Math.floor(contextPixels / width) + (Math.floor(x / scale) < contextPixels % width ? 1 : 0);
      for (let thick = 0; thick < LINE; thick++) this.rgb.set(RED, 3 * ((top + given * scale - 1 + thick) * this.width + left + x));
    }
  }
}
