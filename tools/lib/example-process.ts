import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { waitUntil } from '@pgherd/testing';

/** How long an answer may take on a very busy machine, ms. */
const PATIENCE_MS = 60_000;

/** What a loaded example has come to since the last fault began. */
export interface LoadState {
  /** Acknowledged writes since the start. */
  readonly count: number;
  /** The errors of calls. */
  readonly failures: readonly string[];
  /** Longest time between two acknowledgements, ms. */
  readonly gapMs: number;
}

/** What `examples/lib/load.ts` sends. */
type Message =
  | { readonly kind: 'ready'; readonly done: readonly string[]; readonly stored: string }
  | ({ readonly kind: 'state' } & LoadState)
  | { readonly kind: 'ended'; readonly acknowledged: readonly number[] };

/** An example in a process of its own, on the Node.js of `examples`, that writes without pause. */
export class LoadedExample {
  readonly name: string;
  readonly ready: Promise<void>;
  done: readonly string[] = [];
  stored = '';
  readonly #child: ChildProcess;
  #output = '';

  constructor(folder: string, name: string, url: string) {
    this.name = name;
    this.#child = fork(join(folder, 'lib/load.ts'), [name], {
      cwd: folder,
      execPath: join(folder, 'node_modules/node-24/bin/node'),
      execArgv: [],
      env: { ...process.env, DATABASE_URL: url },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
    this.ready = this.#next('ready').then(({ done, stored }) => {
      this.done = done;
      this.stored = stored;
    });
    // Of several that fail, one is waited for at a time.
    this.ready.catch(() => undefined);
  }

  /** A fault begins: counts anew what failed. */
  begin(): Promise<LoadState> {
    return this.#ask('begin', 'state');
  }

  state(): Promise<LoadState> {
    return this.#ask('state', 'state');
  }

  /** Waits until so many more writes were acknowledged. */
  async more(writes: number): Promise<void> {
    const { count } = await this.state();
    await waitUntil(async () => (await this.state()).count >= count + writes, {
      timeoutMs: PATIENCE_MS,
      what: `${writes} more writes of ${this.name}`,
    });
  }

  /** Ends the load, and resolves to the acknowledged writes when the process has ended by itself. */
  async end(): Promise<readonly number[]> {
    const exit = once(this.#child, 'exit');
    const { acknowledged } = await this.#ask('end', 'ended');
    const [code] = (await Promise.race([exit, this.#late('end')])) as [number | null];
    if (code !== 0) throw new Error(`${this.name} ended with ${code}:\n${this.#output}`);
    return acknowledged;
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ask<K extends Message['kind']>(message: string, kind: K): Promise<Extract<Message, { kind: K }>> {
    const answer = this.#next(kind);
    if (this.#child.connected) this.#child.send(message);
    return answer;
  }

  /** The next message of a kind. @throws Error if the process ends first, with its output. */
  async #next<K extends Message['kind']>(kind: K): Promise<Extract<Message, { kind: K }>> {
    if (this.#child.exitCode !== null) throw this.#over();
    const abort = new AbortController();
    const { signal } = abort;
    const over = once(this.#child, 'exit', { signal }).then(() => {
      throw this.#over();
    });
    try {
      for (;;) {
        const message = once(this.#child, 'message', { signal });
        const [answer] = (await Promise.race([message, over, this.#late(kind, signal)])) as [Message];
        if (answer.kind === kind) return answer as Extract<Message, { kind: K }>;
      }
    } finally {
      abort.abort();
    }
  }

  #late(what: string, signal?: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`${this.name} does not answer (${what}):\n${this.#output}`)),
        PATIENCE_MS,
      );
      timer.unref();
      signal?.addEventListener('abort', () => clearTimeout(timer));
    });
  }

  #over(): Error {
    return new Error(`${this.name} has ended with ${this.#child.exitCode}:\n${this.#output}`);
  }
}
