import type { PinnedTorch } from './pins.ts';

export const PINNED: Readonly<Record<string, PinnedTorch>> = {
  '2.11': { version: '2.11.0', cuda: '13.0', wheels: [] },
};
