import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { messageFrom, type ProcessSettings, startProcess } from './processes.ts';
import type { ContenderName, Servers } from './throughput-contenders.ts';
import type { Sample, SliceReply, SliceRequest } from './throughput-works.ts';

/** What a contender's process gets when it starts. */
export interface ContenderArguments {
  readonly name: ContenderName;
  readonly servers: Servers;
  /** Folder of the checkout whose pgherd it is, built; `undefined` for this one. */
  readonly build?: string | undefined;
}

/** How contenders' processes are run. */
export interface WorkerSettings extends ProcessSettings {
  /** Folder for the processor profiles that each process then writes. */
  readonly profile?: string | undefined;
}

/**
 * A contender in a process of its own: its garbage and what the compiler learnt of its code do not affect the
 * others.
 */
export class Worker {
  readonly name: ContenderName;
  readonly #child: ChildProcess;
  /** Updates that the contender saw acknowledged, ever. */
  updates = 0;
  /** Statements that counted in slices, ever. */
  statements = 0;

  constructor(name: ContenderName, child: ChildProcess) {
    this.name = name;
    this.#child = child;
  }

  /**
   * One slice of load.
   * @throws Error when a statement failed or the process ended.
   */
  async slice(request: SliceRequest): Promise<Sample> {
    this.#child.send(request);
    const reply = await messageFrom<SliceReply>(this.#child, this.name);
    if (reply.kind === 'failed') throw new Error(`${this.name}: ${reply.message}`);
    this.updates = reply.updates;
    this.statements += reply.sample.perSecond * request.seconds;
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
  settings: WorkerSettings = {},
  build?: string,
): Promise<Worker> {
  const { profile } = settings;
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const args: ContenderArguments = { name, servers, build };
  const child = startProcess('./throughput-process.ts', args, settings, flags);
  await messageFrom(child, name);
  return new Worker(name, child);
}
