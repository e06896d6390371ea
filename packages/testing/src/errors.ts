/** What a {@link TestClusterError} carries besides its message. */
export interface TestClusterErrorOptions {
  /** What led to it; kept as it was thrown. */
  readonly cause?: unknown;
  /** The last lines of the server's log, appended to the message. */
  readonly logTail?: string | undefined;
}

/**
 * The test kit could not do what it was asked for. The message names the value, the rule and the remedy, and ends with the
 * tail of the server's log where that helps.
 */
export class TestClusterError extends Error {
  /** Not a plain property: it is in the message, and would be printed twice. */
  readonly #logTail: string | undefined;

  constructor(message: string, options: TestClusterErrorOptions = {}) {
    const text = options.logTail ? `${message}\nThe server's log ends with:\n${options.logTail}` : message;
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'TestClusterError';
    this.#logTail = options.logTail;
  }

  /** The last lines of the server's log, when a server was involved. */
  get logTail(): string | undefined {
    return this.#logTail;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether an error of the file system or of a process has this code (`ENOENT`, `EEXIST`, …). */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}
