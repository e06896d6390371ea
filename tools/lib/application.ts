import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { waitUntil } from '@pgherd/testing';
import { freePort } from './free-port.ts';
import { run } from './run.ts';

/** How long anything may take on a very busy machine, ms. */
const PATIENCE_MS = 60_000;
/** Requests at a time, and the rest of each between two of them. */
const CALLERS = 4;
const REST_MS = 20;

/** An application in a folder below `examples/applications`; all of them have the same routes. */
export interface Application {
  readonly name: string;
  /** Arguments of Node.js that build it; none if it runs as it is. */
  readonly build?: readonly string[];
  readonly start: (port: number) => readonly string[];
  /** Before each route of the interface for programs. */
  readonly prefix: string;
  /** The route of a page for people with the owners of all accounts. */
  readonly page?: string;
}

/** What all of them store. */
export const SCHEMA = `
  drop table if exists transfer, account;
  create table account (id serial primary key, owner text not null, balance bigint not null);
  create table transfer (key text not null, from_id int not null, to_id int not null, amount bigint not null)`;

/** An application that runs in a process of its own, and is asked over HTTP. */
export class RunningApplication {
  readonly name: string;
  /** Keys of the transfers that were answered with 201. */
  readonly acknowledged: string[] = [];
  /** What the other ones were answered. */
  readonly failures: string[] = [];
  readonly #url: string;
  readonly #application: Application;
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown[]>;
  #output = '';
  #isOver = false;
  #callers: Promise<unknown> = Promise.resolve();

  private constructor(application: Application, child: ChildProcess, port: number) {
    this.name = application.name;
    this.#application = application;
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#url = `http://127.0.0.1:${port}`;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#output += chunk.toString();
      });
  }

  /** Builds an application and starts it. */
  static async start(
    application: Application,
    cwd: string,
    node: string,
    databaseUrl: string,
  ): Promise<RunningApplication> {
    const env = { DATABASE_URL: databaseUrl, NEXT_TELEMETRY_DISABLED: '1' };
    if (application.build !== undefined) {
      const built = await run(node, application.build, cwd, env);
      if (built.code !== 0) throw new Error(`${application.name} cannot be built:\n${built.output}`);
    }
    const port = await freePort();
    const child = spawn(node, application.start(port), {
      cwd,
      env: { ...process.env, ...env, NODE_ENV: 'production', PORT: String(port) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const running = new RunningApplication(application, child, port);
    await running.becomesHealthy();
    return running;
  }

  /** Waits until the application says that its database serves. */
  async becomesHealthy(): Promise<void> {
    const isHealthy = async () => {
      if (this.#child.exitCode !== null) throw new Error(`${this.name} has ended:\n${this.#output}`);
      return await this.ask('/health').then(
        ({ status }) => status === 200,
        () => false,
      );
    };
    await waitUntil(isHealthy, { timeoutMs: PATIENCE_MS, what: `${this.name} to be healthy` });
  }

  /** One request of the interface for programs: GET, or POST if there is a body. */
  async ask(route: string, body?: object): Promise<{ readonly status: number; readonly text: string }> {
    const post = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    };
    const response = await fetch(
      this.#url + this.#application.prefix + route,
      body === undefined ? {} : post,
    );
    return { status: response.status, text: await response.text() };
  }

  /** Uses each route once. Resolves to what was wrong. */
  async tryRoutes(): Promise<string[]> {
    const wrong: string[] = [];
    const expect = async (route: string, status: number, words: string, body?: object) => {
      const answer = await this.ask(route, body);
      if (answer.status !== status || !answer.text.includes(words))
        wrong.push(`${route} answered ${answer.status}: ${answer.text}`);
    };
    await expect('/accounts', 201, 'Ada', { owner: 'Ada', balance: 1_000_000 });
    await expect('/accounts', 201, 'Bob', { owner: 'Bob', balance: 0 });
    await expect('/accounts', 200, 'Bob');
    await expect('/accounts/1', 200, 'Ada');
    await expect('/accounts/99', 404, '');
    await expect('/transfers', 201, 'first', { key: 'first', from: 1, to: 2, amount: 1 });
    this.acknowledged.push('first');
    if (this.#application.page !== undefined) {
      const page = await (await fetch(this.#url + this.#application.page)).text();
      if (!page.includes('Ada') || !page.includes('Bob')) wrong.push(`The page is ${page}`);
    }
    return wrong;
  }

  /** From now on, transfers are made without pause. */
  load(): void {
    let last = 0;
    const call = async () => {
      while (!this.#isOver) {
        const key = `transfer ${++last}`;
        const { status, text } = await this.ask('/transfers', { key, from: 1, to: 2, amount: 1 }).catch(
          (error: unknown) => ({ status: 0, text: String(error) }),
        );
        if (status === 201) this.acknowledged.push(key);
        else this.failures.push(`${status}: ${text}`);
        await pause(REST_MS);
      }
    };
    this.#callers = Promise.all(Array.from({ length: CALLERS }, call));
  }

  /** Waits until so many more transfers were acknowledged. */
  async more(transfers: number): Promise<void> {
    const wanted = this.acknowledged.length + transfers;
    await waitUntil(() => this.acknowledged.length >= wanted, {
      timeoutMs: PATIENCE_MS,
      what: `${transfers} more transfers of ${this.name}`,
    });
  }

  /** Ends the load. */
  async rest(): Promise<void> {
    this.#isOver = true;
    await this.#callers;
  }

  /** Asks the process to end, and resolves to what was wrong with its end. */
  async stop(): Promise<string[]> {
    this.#child.kill('SIGTERM');
    const late = pause(PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${this.name} does not end by SIGTERM:\n${this.#output}`);
    });
    await Promise.race([this.#exited, late]);
    const { exitCode, signalCode } = this.#child;
    const isRight = exitCode === 0 || exitCode === 143 || signalCode === 'SIGTERM';
    return isRight ? [] : [`ended with ${exitCode ?? signalCode}:\n${this.#output}`];
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
