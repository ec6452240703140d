import type { SpectrumCell } from './cell.ts';
import type { SpectrumCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';

export async function runSpectrumCell(cell: SpectrumCell, laboratory: Laboratory): Promise<SpectrumCellResult> {
  const { matrices, shareInMatrices } = await laboratory.updateOf(cell.weights, cell.ranks);
  return {
    matrices: matrices.map(({ parameter, a, b, squares, total }) => ({
      parameter,
      shape: [b.shape[0]!, a.shape[1]!],
      squares: squares.slice(0, cell.ranks),
      total,
    })),
    shareInMatrices,
  };
}
