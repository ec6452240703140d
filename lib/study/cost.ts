import type { Cell } from './cell.ts';
import type { Domain } from './domain.ts';
import { stepsOf, trainSettingsOf } from './setting.ts';
import type { Bench } from './study.ts';

/** A trained token costs about three forward ones, and a token decoded in a batch about as much: rough, for the time left only. */
const TRAINED = 3;
const DECODED = 3;
/** Singular values take the time of about so many tokens, in models of a hundred million weights. */
const DECOMPOSED = 100_000;
/** And rounding all weights and comparing them with two other sets. */
const ROUNDED = 5000;

/** How much work a cell is, in tokens through the model forward. */
export function costOf(cell: Cell, bench: Bench): number {
  switch (cell.kind) {
    case 'train': {
      const { domain, perSequence } = sizes(cell.domain, bench);
      const settings = trainSettingsOf(bench.setting, cell.settings);
      const evaluation =
        tokensOf(domain.heldOut) + (cell.writesTexts ? DECODED * domain.contexts.length * bench.setting.config.maxNewTokens : 0);
      return (
        TRAINED * stepsOf(settings, cell.samples) * Math.min(settings.batchSize, cell.samples) * perSequence +
        cell.evaluateAtSteps.length * evaluation
      );
    }
    case 'text':
    case 'matched-text':
    case 'biased-text':
      return DECODED * sizes(cell.domain, bench).domain.contexts.length * cell.newTokens;
    case 'likelihood':
      return tokensOf(sizes(cell.domain, bench).domain[cell.sequences ?? 'heldOut']);
    case 'spectrum':
      return DECOMPOSED;
    case 'update-share':
      return ROUNDED;
    case 'contrast':
      return 30 * cell.sequences * sizes(cell.domain, bench).perSequence;
    case 'mauve': {
      const { domain } = sizes(cell.domain, bench);
      return domain.contexts.reduce((sum, { context }) => sum + (1 + cell.texts.length) * (context.length + cell.newTokens), 0);
    }
    case 'metric':
      return sizes(cell.domain, bench).domain.contexts.length;
    case 'completion':
      return DECODED * sizes(cell.domain, bench).domain.contexts.reduce((sum, { original }) => sum + original.length, 0);
    case 'probe':
      return cell.text.length;
    case 'choice':
      return (
        cell.items.reduce((sum, { context, choices }) => sum + (context.length * choices.length) / 4, 0) +
        DECODED * cell.items.length * cell.newTokens
      );
  }
}

function sizes(name: string, { domains }: Bench): { domain: Domain; perSequence: number } {
  const domain = domains.find((candidate) => candidate.name === name)!;
  return { domain, perSequence: domain.train[0]?.ids.length ?? 0 };
}

function tokensOf(sequences: Domain['heldOut']): number {
  return sequences.reduce((sum, { ids }) => sum + ids.length, 0);
}
