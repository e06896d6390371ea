/** A pending timer. */
export interface Timer {
  /** Cancels it; harmless after it fired. */
  cancel(): void;
}

/** Options of {@link Clock.schedule}. */
export interface ScheduleOptions {
  /** Whether the timer keeps the process alive. Default `true`. `false` for monitors. */
  readonly ref?: boolean | undefined;
}

/** The source of time. */
export interface Clock {
  /** Milliseconds since an arbitrary time; never goes back. */
  now(): number;
  /** Milliseconds since 1970, for people to read. May jump. */
  wallTime(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  schedule(ms: number, fn: () => void, options?: ScheduleOptions): Timer;
}

/** The source of random numbers. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}
