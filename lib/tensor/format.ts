import { addon } from '../addon.ts';
import type { DType } from '../addon-types.ts';
import { callOperator, type HasHandle } from './call.ts';
import { dtypeOf, makeArray } from './dtype.ts';
import { elementTexts } from './element-texts.ts';

/** Beyond so many elements a tensor is shown by its edges. */
const MOST_SHOWN = 100;
/** How many elements an edge has. */
const EDGE = 3;
/** A row that is longer goes on in the next line. */
const LINE_WIDTH = 80;

/**
 * Shape, dtype and device, and the elements as numpy and PyTorch nest them, a row a line, in columns. Beyond 100 elements the first and the
 * last three of each longer dimension, which is all that is read; never throws.
 */
export function renderTensor(tensor: HasHandle & { readonly isDisposed: boolean }): string {
  if (tensor.isDisposed) return 'Tensor (disposed)';
  try {
    const { shape, dtype, device } = addon().tensorInfo(tensor.handle);
    const name = dtypeOf(dtype);
    const head = `Tensor [${shape.join(', ')}] ${name} ${device}`;
    const numel = shape.reduce((product, size) => product * size, 1);
    if (numel === 0) return `${head}: []`;
    const cut = shape.map((size) => numel > MOST_SHOWN && size > 2 * EDGE);
    const texts = elementTexts(readEdges(tensor, cut, shape, name), name, shape.length > 0);
    if (shape.length === 0) return `${head}: ${texts[0]}`;
    const body = renderLevel(texts, shape, cut, 0);
    return `${head}${body.includes('\n') ? '\n' : ': '}${body}`;
  } catch (error) {
    return `Tensor (${(error as Error).message})`;
  }
}

/** The elements that are shown, row-major: every other one of the dimensions that are cut stays where it is. */
function readEdges(tensor: HasHandle, cut: readonly boolean[], shape: readonly number[], dtype: DType): (number | bigint)[] {
  const temporary: HasHandle[] = [];
  const call = (name: string, ...args: Parameters<typeof callOperator>[1]): HasHandle => {
    const result = callOperator(name, args) as HasHandle;
    temporary.push(result);
    return result;
  };
  try {
    let shown = call('aten::detach', tensor);
    // The longest first: what is copied on the way stays small.
    const dims = shape
      .map((_, dim) => dim)
      .filter((dim) => cut[dim])
      .sort((a, b) => shape[b]! - shape[a]!);
    for (const dim of dims) {
      const [first, last] = [0, shape[dim]! - EDGE].map((start) => call('aten::narrow', shown, dim, start, EDGE));
      shown = call('aten::cat', [first!, last!], dim);
    }
    const out = makeArray(
      dtype,
      shape.reduce((product, size, dim) => product * (cut[dim] ? 2 * EDGE : size), 1),
    );
    addon().tensorRead(shown.handle, out);
    return Array.from<number | bigint>(out as ArrayLike<number>);
  } finally {
    for (const { handle } of temporary) addon().tensorDispose(handle);
  }
}

function renderLevel(texts: readonly string[], shape: readonly number[], cut: readonly boolean[], dim: number): string {
  const count = cut[dim] ? 2 * EDGE : shape[dim]!;
  const size = texts.length / count;
  const parts = Array.from({ length: count }, (_, index) => texts.slice(index * size, (index + 1) * size));
  const isRow = dim === shape.length - 1;
  const shown = parts.map((part) => (isRow ? part[0]! : renderLevel(part, shape, cut, dim + 1)));
  if (cut[dim]) shown.splice(EDGE, 0, '...');
  const indent = ' '.repeat(dim + 1);
  if (isRow) return `[${wrapped(shown, indent)}]`;
  return `[${shown.join(`,${'\n'.repeat(shape.length - dim - 1)}${indent}`)}]`;
}

function wrapped(texts: readonly string[], indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const text of texts) {
    if (line !== '' && indent.length + line.length + text.length + 2 > LINE_WIDTH) {
      lines.push(`${line},`);
      line = text;
    } else line = line === '' ? text : `${line}, ${text}`;
  }
  return [...lines, line].join(`\n${indent}`);
}
