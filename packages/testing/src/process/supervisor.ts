import { type ChildProcess, spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { TestClusterError } from '../errors.ts';
import { within } from '../wait.ts';

/**
 * The process that cleans up after us if we crash. One per test process, started with the first cluster; it lives in a session of
 * its own, so that Ctrl-C does not reach it, and ends when we end.
 */
class Supervisor {
  readonly #child: ChildProcess;
  readonly #removals = new Map<string, () => void>();
  #ended = false;

  constructor() {
    this.#child = spawn(process.execPath, [fileURLToPath(new URL('../supervisor.mjs', import.meta.url))], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { PATH: process.env['PATH'] },
    });
    this.#child.unref();
    for (const stream of this.#child.stdio) {
      stream?.on('error', () => {});
      unreference(stream);
    }
    this.#child.on('exit', () => this.#end());
    this.#child.on('error', () => this.#end());
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#removed(line));
    }
  }

  /** From now on this directory, and every server in it, is gone when we are gone. */
  watch(directory: string): void {
    if (this.#ended) {
      throw new TestClusterError(
        'The supervisor process of the test kit has ended, so nothing would clean up after a crash.',
      );
    }
    this.#child.stdin?.write(`watch ${directory}\n`);
  }

  /** Kills what still runs in this directory and removes it. */
  async remove(directory: string): Promise<void> {
    if (!this.#ended) {
      const gone = new Promise<void>((resolve) => this.#removals.set(directory, resolve));
      this.#child.stdin?.write(`remove ${directory}\n`);
      await within(gone, 30_000, `Removing ${directory}`);
    }
    await rm(directory, { recursive: true, force: true });
  }

  #removed(line: string): void {
    const directory = line.replace(/^removed /, '');
    this.#removals.get(directory)?.();
    this.#removals.delete(directory);
  }

  #end(): void {
    this.#ended = true;
    for (const resolve of this.#removals.values()) resolve();
    this.#removals.clear();
  }
}

/** The pipes must not keep the test process alive; Node's types do not say that they are sockets. */
function unreference(stream: unknown): void {
  if (
    typeof stream === 'object' &&
    stream !== null &&
    'unref' in stream &&
    typeof stream.unref === 'function'
  ) {
    stream.unref();
  }
}

let supervisor: Supervisor | undefined;

/** The one of this process. */
export function theSupervisor(): Supervisor {
  supervisor ??= new Supervisor();
  return supervisor;
}
