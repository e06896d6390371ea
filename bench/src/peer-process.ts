import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Command } from './peer-programs.ts';
import type { Sample } from './throughput-works.ts';

/** What the peer said of a call that was not acknowledged. */
export class PeerError extends Error {
  /** Whether the row may have been written all the same. */
  readonly open: boolean;

  constructor(message: string, open: boolean) {
    super(message);
    this.name = 'PeerError';
    this.open = open;
  }
}

interface Waiting {
  readonly resolve: (text: string) => void;
  readonly reject: (error: PeerError) => void;
}

/** The verb of the question that each answer belongs to. */
const QUESTIONS: Readonly<Record<string, string>> = {
  ok: 'write',
  open: 'write',
  closed: 'write',
  offers: 'offers',
  slice: 'slice',
  failed: 'slice',
};

/** A client in another process, which speaks the line protocol of `peers/README.md`. */
export class PeerProcess {
  /** What it is, with versions, in its own words. */
  readonly version: string;
  readonly #child: ChildProcess;
  readonly #waiting: Map<string, Waiting>;
  #questions = 0;

  private constructor(child: ChildProcess, version: string, waiting: Map<string, Waiting>) {
    this.#child = child;
    this.version = version;
    this.#waiting = waiting;
  }

  /**
   * Starts it and waits for its greeting.
   * @throws PeerError with the end of what it complained of, when it ends before.
   */
  static async start({ file, args, last }: Command, url: string): Promise<PeerProcess> {
    const child = spawn(file, [...args, url, ...last], { stdio: ['pipe', 'pipe', 'pipe'] });
    const waiting = new Map<string, Waiting>();
    let complaints = '';
    child.stderr.on('data', (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-2_000);
    });
    child.stdin.on('error', () => undefined);
    child.on('error', (error) => {
      complaints += error.message;
    });
    const greeting = new Promise<string>((resolve, reject) => waiting.set('hello', { resolve, reject }));
    createInterface({ input: child.stdout }).on('line', (line) => settle(line, waiting));
    child.on('close', () => {
      for (const [key, one] of waiting)
        one.reject(new PeerError(`the peer ended: ${complaints.trim()}`, key.startsWith('write')));
      waiting.clear();
    });
    return new PeerProcess(child, await greeting, waiting);
  }

  /** Resolves with the port of the server that wrote the row. */
  async write(id: number): Promise<number> {
    return Number(await this.#ask('write', id));
  }

  /** Whether writes may go to the node of this place in the URL. */
  async offers(index: number): Promise<boolean> {
    return (await this.#ask('offers', ++this.#questions, ` ${index}`)) === 'yes';
  }

  /** One slice of load, and the updates that were acknowledged, ever. */
  async slice(
    work: string,
    callers: number,
    seconds: number,
  ): Promise<Sample & { readonly updates: number }> {
    const text = await this.#ask('slice', ++this.#questions, ` ${work} ${callers} ${seconds}`);
    return JSON.parse(text) as Sample & { readonly updates: number };
  }

  /** Ends it, without a goodbye. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await gone;
  }

  #ask(verb: string, id: number, rest = ''): Promise<string> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null)
      return Promise.reject(new PeerError('the peer has ended', false));
    return new Promise((resolve, reject) => {
      this.#waiting.set(`${verb} ${id}`, { resolve, reject });
      this.#child.stdin?.write(`${verb} ${id}${rest}\n`);
    });
  }
}

function settle(line: string, waiting: Map<string, Waiting>): void {
  const [verb = '', id = '', ...rest] = line.split(' ');
  const isGreeting = verb === 'hello';
  const key = isGreeting ? verb : `${QUESTIONS[verb]} ${id}`;
  const one = waiting.get(key);
  waiting.delete(key);
  const text = rest.join(' ');
  if (isGreeting) one?.resolve([id, ...rest].join(' '));
  else if (verb === 'open' || verb === 'closed' || verb === 'failed')
    one?.reject(new PeerError(text, verb === 'open'));
  else one?.resolve(text);
}
