import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const COMMAND = ['--import', 'tsx', '--conditions=@pgherd/source', 'packages/cli/src/bin.ts'];

/** How a run of the program ended. */
export interface CliEnd {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** What a run of the program may be given. */
export interface CliOptions {
  /** Variables besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** The program `pgherd` from its sources, as a process. */
export class CliRun {
  readonly process: ChildProcess;
  readonly ended: Promise<CliEnd>;
  #out = '';
  #err = '';

  constructor(command: string, args: readonly string[], { env = {} }: CliOptions = {}) {
    const child = spawn(command, args, {
      cwd: ROOT,
      env: { ...kept('PATH', 'HOME', 'TMPDIR'), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: 2 * PATIENCE_MS,
    });
    this.process = child;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#out += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#err += text;
    });
    this.ended = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      out: this.#out,
      err: this.#err,
    }));
  }

  get out(): string {
    return this.#out;
  }

  get err(): string {
    return this.#err;
  }

  /** Waits until standard output matches. */
  async says(pattern: RegExp): Promise<void> {
    await waitUntil(() => pattern.test(this.#out), {
      what: `the program to write ${pattern}`,
      timeoutMs: PATIENCE_MS,
    });
  }
}

/** Starts `pgherd` with these arguments. */
export function startCli(args: readonly string[], options?: CliOptions): CliRun {
  return new CliRun(process.execPath, [...COMMAND, ...args], options);
}

/** The command of the shell that starts `pgherd` with these arguments. */
export function cliCommand(args: readonly string[]): string {
  return [process.execPath, ...COMMAND, ...args]
    .map((part) => `'${part.replaceAll("'", `'\\''`)}'`)
    .join(' ');
}

/** Runs `pgherd` to its end. */
export function cli(args: readonly string[], options?: CliOptions): Promise<CliEnd> {
  return startCli(args, options).ended;
}

function kept(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
