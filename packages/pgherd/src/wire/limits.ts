/** Default of `scramMaxIterations`. */
export const MAX_SCRAM_ITERATIONS = 100_000;
/** Default of `maxMessageBytes`: the longest message that the protocol has, 1 GiB. */
export const MAX_MESSAGE_BYTES = 0x3fff_ffff;
/** Default of `prepare.maxAgeMs`. */
export const PREPARE_MAX_AGE_MS = 30_000;
