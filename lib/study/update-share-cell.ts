import { openModelFiles } from '../model/model-files.ts';
import { disposeAll } from '../model/tensor-file.ts';
import { measureUpdateShare } from '../run/update-share.ts';
import type { UpdateShareCell } from './cell.ts';
import type { UpdateShareCellResult } from './cell-results.ts';
import type { Laboratory } from './laboratory.ts';

export async function runUpdateShareCell(cell: UpdateShareCell, laboratory: Laboratory): Promise<UpdateShareCellResult> {
  const model = await laboratory.model(cell.weights);
  const rounded = await model.forwardParameters();
  try {
    const { kept, worst } = await measureUpdateShare(model, rounded, await openModelFiles(laboratory.originalPath));
    return { kept, worst };
  } finally {
    disposeAll(rounded.values());
  }
}
