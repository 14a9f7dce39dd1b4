/**
 * The bounds of a weight that is not 0, in the file as in the API. Beyond them the draw would lose precision.
 */
export const MAX_WEIGHT = 1_000_000
export const MIN_WEIGHT = 0.000_001
