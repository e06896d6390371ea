/** A pending timer. */
export interface Timer {
  /** Cancels it; harmless after it fired. */
  cancel(): void;
}

/** Options of {@link Clock.schedule}. */
export interface ScheduleOptions {
  /** Whether the timer keeps the process alive. Default `true`: somebody waits for it. Monitors say `false`. */
  readonly ref?: boolean | undefined;
}

/** Where time comes from. */
export interface Clock {
  /** Milliseconds since an arbitrary moment; never goes back. */
  now(): number;
  /** Milliseconds since 1970, for what people read. May jump. */
  wallTime(): number;
  /** Calls `fn` once after `ms` milliseconds. */
  schedule(ms: number, fn: () => void, options?: ScheduleOptions): Timer;
}

/** Where dice come from. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
}
