/** Exit codes of the program, by what they mean. `docs/cli.md` says the same to people. */
export const EXIT = Object.freeze({
  fine: 0,
  /** The command did its work, and found something that wants a look. */
  finding: 1,
  /** A wrong command, option or connection string. */
  usage: 2,
  /** No server could be reached, or none serves. */
  unreachable: 3,
  /** Anything else: a server refused a statement, or the command itself failed. */
  failed: 4,
  /** Ctrl-C, SIGTERM or SIGHUP. */
  interrupted: 130,
  /** What read the output went away, as `head` does. */
  closedPipe: 141,
} as const);

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
