import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** Programs of docs/start.md, as a reader would run them. */
const started: ChildProcess[] = [];

class Run {
  readonly child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #waiting: { readonly pattern: RegExp; found(line: string): void; failed(error: Error): void }[] =
    [];
  readonly ended: Promise<NodeJS.Signals | number | null>;

  constructor(name: string, env: Record<string, string>, ...args: string[]) {
    const file = fileURLToPath(new URL(`../../src/start/${name}.ts`, import.meta.url));
    this.child = spawn(process.execPath, ['--import', 'tsx', '--conditions=@pgherd/source', file, ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    started.push(this.child);
    const { stdout } = this.child;
    if (stdout === null) throw new Error('no output to read');
    createInterface({ input: stdout }).on('line', (line) => this.#take(line));
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      for (const { pattern, failed } of this.#waiting)
        failed(new Error(`${name} ended without ${pattern}:\n${this.output}`));
      return (signal ?? code) as NodeJS.Signals | number | null;
    });
  }

  get output(): string {
    return this.#lines.join('\n');
  }

  #take(line: string): void {
    this.#lines.push(line);
    for (const one of this.#waiting) if (one.pattern.test(line)) one.found(line);
  }

  /** The first line that matches. */
  says(pattern: RegExp): Promise<string> {
    const there = this.#lines.find((line) => pattern.test(line));
    if (there !== undefined) return Promise.resolve(there);
    return new Promise((found, failed) => this.#waiting.push({ pattern, found, failed }));
  }
}

afterAll(() => {
  for (const child of started) child.kill('SIGKILL');
});

describe.each([
  { servers: 'one server', standbys: '0' },
  { servers: 'three servers', standbys: '2' },
])('docs/start.md, with $servers', ({ standbys }) => {
  let servers: Run;
  let env: Record<string, string>;
  let app: Run;
  let address: string;

  beforeAll(async () => {
    servers = new Run('servers', {}, standbys);
    const line = await servers.says(/^export DATABASE_URL=/);
    env = { DATABASE_URL: /'(.*)'/.exec(line)?.[1] ?? '' };
  });
  afterAll(async () => {
    servers.child.stdin?.end();
    await servers.ended;
  });

  it('the first query prints the accounts', async () => {
    const run = new Run('first', env);
    expect(await run.ended).toBe(0);
    expect(run.output).toContain("{ name: 'ann', balance: 1000 }");
  });

  it('the first errors are those that the page shows', async () => {
    const run = new Run('errors', env);
    expect(await run.ended).toBe(0);
    expect(run.output).toBe('Ann has not so much: account_balance_check\nPGHERD_TIMEOUT');
  });

  it('the application pays', async () => {
    app = new Run('app', { ...env, PORT: '0' });
    const port = /port: (\d+)/.exec(await app.says(/port: \d+/))?.[1];
    address = `http://localhost:${port}`;
    expect((await fetch(`${address}/pay`, { method: 'POST' })).status).toBe(200);
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
  });

  it.runIf(standbys === '2')(
    'a killed primary: each payment is done once, and none fails otherwise',
    async () => {
      const statuses: number[] = [];
      const send = async (): Promise<void> => {
        const id = crypto.randomUUID();
        for (;;) {
          const { status } = await fetch(`${address}/pay?id=${id}`, { method: 'POST' });
          statuses.push(status);
          if (status !== 503) return;
        }
      };
      for (let count = 0; count < 20; count++) await send();
      servers.child.stdin?.write('kill\n');
      const promoted = servers.says(/was promoted/).then(() => true);
      while (!(await Promise.race([promoted, send().then(() => false)])));
      for (let count = 0; count < 20; count++) await send();

      expect([...new Set(statuses)].filter((status) => status !== 200 && status !== 503)).toEqual([]);
      const paid = statuses.filter((status) => status === 200).length + 1;
      await expect
        .poll(async () => (await fetch(`${address}/accounts`)).json(), { timeout: 60_000 })
        .toEqual([
          { name: 'ann', balance: 1000 - paid },
          { name: 'bob', balance: paid },
        ]);
    },
  );

  it('the application ends by the signal that it was sent', async () => {
    app.child.kill('SIGTERM');
    expect(await app.ended).toBe('SIGTERM');
  });
});
