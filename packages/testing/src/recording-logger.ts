/** How urgent a record is. */
export const LOG_LEVELS = Object.freeze(['debug', 'info', 'warn', 'error'] as const);

/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** One call of a logger. */
export interface LogRecord {
  readonly level: LogLevel;
  /** The arguments as they were given. */
  readonly args: readonly unknown[];
}

/** A logger that remembers, for assertions. */
export interface RecordingLogger {
  readonly records: readonly LogRecord[];
  debug(...args: unknown[]): void;
  info(...args: unknown[]): void;
  warn(...args: unknown[]): void;
  error(...args: unknown[]): void;
  /** The records of one level. */
  at(level: LogLevel): readonly LogRecord[];
  /** Forgets all records. */
  clear(): void;
}

/** Makes a logger with `debug`, `info`, `warn` and `error` that keeps what it is given. */
export function recordingLogger(): RecordingLogger {
  const records: LogRecord[] = [];
  const record =
    (level: LogLevel) =>
    (...args: unknown[]): void => {
      records.push({ level, args });
    };
  return {
    records,
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
    at: (level) => records.filter((each) => each.level === level),
    clear: () => {
      records.length = 0;
    },
  };
}
