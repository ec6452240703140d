/** Below so many texts of either kind there are fewer than ten clusters, and MAUVE says little. */
export const MAUVE_LEAST_TEXTS = 100;
