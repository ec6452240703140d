/** Ranks that are tried, smallest first. */
export const PATCH_RANKS = [1, 2, 4, 8, 16, 32, 64, 128] as const;
