import { PgHerdError } from 'pgherd';
import { EXIT, type ExitCode } from './exit.ts';
import { onInterrupt } from './interrupt.ts';
import { type Output, outputOn } from './output.ts';

/** Options that every command has. */
export interface CommonOptions {
  readonly json: boolean;
  readonly color: boolean;
}

/** What a command works with. */
export interface CommandContext {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Aborted by Ctrl-C and its like, and when the output cannot be written. */
  readonly signal: AbortSignal;
  /** Stops the command as Ctrl-C does. */
  interrupt(): void;
}

/** A command's work; its result is the exit code. */
export type CommandBody = (context: CommandContext) => Promise<ExitCode>;

/** How a command is run. */
export interface RunOptions {
  /** Whether Ctrl-C is a usual end, after which the body's exit code counts. Default `false`. */
  readonly isEndedByInterrupt?: boolean | undefined;
}

/**
 * Runs a command on the standard streams: one Ctrl-C aborts it, a second one ends the process, output that cannot be written aborts it as
 * well, and an error becomes one sentence and an exit code.
 */
export async function runCommand(
  { json, color }: CommonOptions,
  body: CommandBody,
  { isEndedByInterrupt = false }: RunOptions = {},
): Promise<ExitCode> {
  const { stdout, stderr, env } = process;
  const output = outputOn(stdout, stderr, { json, color, env });
  const abort = new AbortController();
  const stopped: { code?: ExitCode } = {};
  const stop = (code: ExitCode): void => {
    stopped.code ??= code;
    abort.abort(new Error('The command was stopped.'));
  };
  const onStreamError = (error: NodeJS.ErrnoException): void => {
    stop(isClosed(error) ? EXIT.closedPipe : EXIT.failed);
  };
  stdout.on('error', onStreamError);
  stderr.on('error', onStreamError);
  const stopListening = onInterrupt((times) => {
    if (times > 1) process.exit(EXIT.interrupted);
    stop(EXIT.interrupted);
  });
  try {
    const code = await body({ output, env, signal: abort.signal, interrupt: () => stop(EXIT.interrupted) });
    return stopped.code === EXIT.interrupted && isEndedByInterrupt ? code : (stopped.code ?? code);
  } catch (error) {
    if (stopped.code !== undefined) return stopped.code;
    const { code, message } = shownError(error);
    output.json({ error: { code, message } });
    output.note(`pgherd: ${message}`);
    return exitCodeOf(error);
  } finally {
    stopListening();
  }
}

/** Whether a stream failed since nothing reads it any more: a pipe that was closed, or a terminal that is gone. */
export function isClosed({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EPIPE' || code === 'EIO';
}

function shownError(error: unknown): { code: string | null; message: string } {
  if (!(error instanceof Error)) return { code: null, message: String(error) };
  return {
    code: 'code' in error && typeof error.code === 'string' ? error.code : null,
    message: error.message,
  };
}

const USAGE: readonly string[] = ['PGHERD_INVALID_DSN', 'PGHERD_INVALID_OPTIONS', 'PGHERD_INVALID_ARGUMENT'];
const UNREACHABLE: readonly string[] = [
  'PGHERD_NO_SUITABLE_NODE',
  'PGHERD_CONNECT_FAILED',
  'PGHERD_CONNECT_TIMEOUT',
  'PGHERD_TLS_FAILED',
  'PGHERD_AUTHENTICATION_FAILED',
  'PGHERD_DATABASE_MISSING',
  'PGHERD_WAIT_TIMEOUT',
];

/** What an error means to whatever started the program. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof PgHerdError)) return EXIT.failed;
  if (USAGE.includes(error.code)) return EXIT.usage;
  return meansUnreachable(error.code) ? EXIT.unreachable : EXIT.failed;
}

/** Whether an error with this code says that no server was reached, or none served. */
export function meansUnreachable(code: string | null): boolean {
  return code !== null && UNREACHABLE.includes(code);
}
