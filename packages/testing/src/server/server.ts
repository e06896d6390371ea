import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { messageOf, TestClusterError } from '../errors.ts';
import { continueTree, killTree, signal, stopTree } from '../process/process-tree.ts';
import type { RunUser } from '../process/run-user.ts';
import { PATIENCE_MS, within } from '../wait.ts';
import type { LogLine, ServerLog } from './log.ts';

/** The log line of a server that accepts connections, in any role. */
export const READY = /database system is ready to accept (read[- ]only )?connections/;
/** The log line of a primary that accepts writes. */
export const READY_AS_PRIMARY = /database system is ready to accept connections/;

/** What the processes of a server are doing. */
export type ServerState = 'stopped' | 'running' | 'frozen';

/** The processes of one PostgreSQL server. Knows nothing of replication. */
export class ServerProcess {
  readonly dataDirectory: string;
  readonly log: ServerLog;
  readonly #program: string;
  readonly #user: RunUser;
  #child: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #frozen = false;

  constructor(binDir: string, dataDirectory: string, log: ServerLog, user: RunUser) {
    this.#program = path.join(binDir, 'postgres');
    this.dataDirectory = dataDirectory;
    this.log = log;
    this.#user = user;
  }

  get state(): ServerState {
    if (this.#child === undefined) return 'stopped';
    return this.#frozen ? 'frozen' : 'running';
  }

  /** Process id of the postmaster; undefined when stopped. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Starts the server; resolves with the log line that says that it accepts connections. */
  async start(timeoutMs = PATIENCE_MS): Promise<LogLine> {
    if (this.#child)
      throw new TestClusterError(`${this.dataDirectory} is already running (process ${this.#child.pid}).`);
    const since = this.log.mark();
    this.#launch();
    const gone = new AbortController();
    const ended = this.#exited.then(() => gone.abort(new Error('the server ended while starting')));
    try {
      const line = await this.log.waitFor(READY, { since, timeoutMs, signal: gone.signal });
      return line;
    } catch (error) {
      if (error instanceof TestClusterError) throw error;
      await ended;
      throw new TestClusterError(`${this.dataDirectory} did not start: ${messageOf(error)}.`, {
        cause: error,
        logTail: this.log.tail(),
      });
    }
  }

  #launch(): void {
    const output = openSync(this.log.file, 'a');
    try {
      const child = spawn(this.#program, ['-D', this.dataDirectory], {
        // The supervisor knows a server's processes by their working directory.
        cwd: this.dataDirectory,
        ...this.#user.spawnAs,
        detached: true,
        stdio: ['ignore', output, output],
        env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
      });
      child.unref();
      this.#child = child;
      this.#frozen = false;
      this.#exited = new Promise((resolve) => {
        const end = (): void => {
          if (this.#child === child) this.#child = undefined;
          this.#frozen = false;
          resolve();
        };
        child.once('exit', end);
        child.once('error', end);
      });
    } finally {
      closeSync(output);
    }
  }

  /** Asks the server to end and waits for it: SIGINT for `fast`, SIGQUIT for `immediate`. Nothing when it is stopped. */
  async stop(mode: 'fast' | 'immediate', timeoutMs = PATIENCE_MS): Promise<void> {
    const pid = this.#running('stop');
    if (pid === undefined) return;
    signal(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await this.#untilExited(timeoutMs, `The ${mode} stop of ${this.dataDirectory}`);
  }

  /** Kills every process of the server with SIGKILL, frozen or not. */
  async kill(): Promise<void> {
    const pid = this.pid;
    if (pid === undefined) return;
    await killTree(pid);
    await this.#untilExited(10_000, `Killing ${this.dataDirectory}`);
  }

  /** Stops every process of the server in its tracks. */
  async freeze(): Promise<void> {
    const pid = this.pid;
    if (pid === undefined)
      throw new TestClusterError(`${this.dataDirectory} cannot be frozen: it is stopped.`);
    this.#frozen = true;
    await stopTree(pid);
  }

  /** Lets them go on. Nothing when the server is not frozen. */
  async thaw(): Promise<void> {
    const pid = this.pid;
    if (pid === undefined || !this.#frozen) return;
    await continueTree(pid);
    this.#frozen = false;
  }

  /** Makes the server read its settings again. */
  reload(): void {
    const pid = this.#running('reload');
    if (pid !== undefined) signal(pid, 'SIGHUP');
  }

  /** Tells the server to look for the file `promote`. */
  poke(): void {
    const pid = this.#running('promote');
    if (pid === undefined)
      throw new TestClusterError(`${this.dataDirectory} cannot be promoted: it is stopped.`);
    signal(pid, 'SIGUSR1');
  }

  #running(verb: string): number | undefined {
    if (this.#frozen) {
      throw new TestClusterError(
        `${this.dataDirectory} is frozen and would not notice a ${verb}. Thaw it first, or kill it.`,
      );
    }
    return this.pid;
  }

  async #untilExited(timeoutMs: number, what: string): Promise<void> {
    try {
      await within(this.#exited, timeoutMs, what);
    } catch (error) {
      throw new TestClusterError(messageOf(error), { cause: error, logTail: this.log.tail() });
    }
  }
}
