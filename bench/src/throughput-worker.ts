import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ContenderName, Servers } from './throughput-contenders.ts';
import type { SliceReply, SliceRequest } from './throughput-works.ts';

const PROGRAM = fileURLToPath(new URL('./throughput-process.ts', import.meta.url));

/** What a contender's process is told when it starts. */
interface Arguments {
  readonly name: ContenderName;
  readonly servers: Servers;
}

/** Reads what {@link startWorker} passed. */
export function argumentsOf(argv: readonly string[]): Arguments {
  return JSON.parse(argv[2] ?? '') as Arguments;
}

/** How contenders' processes are run. */
export interface WorkerSettings {
  /** Arguments of Node itself. Default: those of this process. */
  readonly execArgv?: readonly string[] | undefined;
  /** Folder for the processor profiles that each process then writes. */
  readonly profile?: string | undefined;
}

/** A contender in a process of its own: its garbage and what the compiler learnt of its code burden nobody else. */
export class Worker {
  readonly name: ContenderName;
  readonly #child: ChildProcess;
  /** Updates that the contender saw acknowledged, ever. */
  updates = 0;

  constructor(name: ContenderName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /**
   * One slice of load.
   * @throws Error when a statement failed or the process ended.
   */
  async slice(request: SliceRequest) {
    this.#child.send(request);
    const reply = await messageFrom<SliceReply>(this.#child, this.name);
    if (reply.kind === 'failed') throw new Error(`${this.name}: ${reply.message}`);
    this.updates = reply.updates;
    return reply.sample;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    if (this.#child.connected) this.#child.disconnect();
    await gone;
  }
}

/**
 * Starts the process of a contender and waits until it is connected.
 * @throws Error when it ends before.
 */
export async function startWorker(
  name: ContenderName,
  servers: Servers,
  { execArgv = process.execArgv, profile }: WorkerSettings = {},
): Promise<Worker> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const child = fork(PROGRAM, [JSON.stringify({ name, servers } satisfies Arguments)], {
    execArgv: [...execArgv, ...profiling],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  await messageFrom(child, name);
  return new Worker(name, child);
}

function messageFrom<T>(child: ChildProcess, name: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null, signal: string | null) => {
      child.off('message', onMessage);
      reject(new Error(`the process of ${name} ended (${signal ?? code})`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}
