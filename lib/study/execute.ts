import type { Cell } from './cell.ts';
import type { CellResult } from './cell-results.ts';
import { runChoiceCell } from './choice-cell.ts';
import { runCompletionCell } from './completion-cell.ts';
import { runContrastCell } from './contrast-cell.ts';
import type { Laboratory } from './laboratory.ts';
import { runMauveCell } from './mauve-cell.ts';
import { runMetricCell } from './metric-cell.ts';
import { runProbeCell } from './probe-cell.ts';
import { runSpectrumCell } from './spectrum-cell.ts';
import type { Results } from './study.ts';
import { teacherForce } from './teacher-forced.ts';
import { runBiasedTextCell, runMatchedTextCell, runTextCell } from './text-cell.ts';
import { runTrainCell } from './train-cell.ts';
import { runUpdateShareCell } from './update-share-cell.ts';

/** Does what a cell describes. `results` holds those of the cells before it. */
export async function execute(cell: Cell, laboratory: Laboratory, results: Results): Promise<CellResult> {
  switch (cell.kind) {
    case 'train':
      return runTrainCell(cell, laboratory);
    case 'text':
      return runTextCell(cell, laboratory);
    case 'likelihood': {
      const { heldOut, train } = laboratory.domain(cell.domain);
      const sequences = cell.sequences === 'train' ? train : heldOut;
      return teacherForce(await laboratory.model(cell.weights), sequences, (done) =>
        laboratory.onWork('sequences', done, sequences.length),
      );
    }
    case 'spectrum':
      return runSpectrumCell(cell, laboratory);
    case 'update-share':
      return runUpdateShareCell(cell, laboratory);
    case 'contrast':
      return runContrastCell(cell, laboratory, results.get(cell.texts, 'text'));
    case 'matched-text':
      return runMatchedTextCell(cell, laboratory, results.get(cell.contrast, 'contrast'));
    case 'mauve':
      return runMauveCell(cell, laboratory, results);
    case 'metric':
      return runMetricCell(cell, laboratory, results.written(cell.texts));
    case 'biased-text':
      return runBiasedTextCell(cell, laboratory, results.get(cell.contrast, 'contrast'));
    case 'completion':
      return runCompletionCell(cell, laboratory);
    case 'probe':
      return runProbeCell(cell, laboratory);
    case 'choice':
      return runChoiceCell(cell, laboratory);
  }
}
