import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';
import xterm from '@xterm/headless';
import { type CliEnd, type CliOptions, CliRun, cliCommand } from './cli.ts';

/** A size in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** How `pgherd` runs on a terminal. */
export interface TerminalOptions extends CliOptions, Partial<TerminalSize> {
  /** A command of the shell that runs in the terminal before it, and one for after it. */
  readonly before?: string | undefined;
  readonly after?: string | undefined;
}

/** `pgherd` on a pseudo terminal, which `script` of util-linux makes, and a terminal emulator that reads what it draws. */
export class TerminalRun implements AsyncDisposable {
  readonly run: CliRun;
  readonly terminal: InstanceType<typeof xterm.Terminal>;
  readonly ended: Promise<CliEnd>;
  readonly #directory: string;

  constructor(args: readonly string[], options: TerminalOptions = {}) {
    const { columns = 100, rows = 30, before, after, env } = options;
    this.#directory = mkdtempSync(path.join(tmpdir(), 'pgherd-terminal-'));
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: false });
    const shell = [
      `tty > '${this.#device}'`,
      `stty cols ${columns} rows ${rows}`,
      ...(before === undefined ? [] : [before]),
      // Alone, it takes the place of the shell, which would answer to signals as well.
      ...(after === undefined
        ? [`exec ${cliCommand(args)}`]
        : [cliCommand(args), 'code=$?', after, 'exit $code']),
    ].join('; ');
    const script = ['--quiet', '--return', '--flush', '--echo', 'never', '--command', shell, '/dev/null'];
    this.run = new CliRun('script', script, { env: { TERM: 'xterm-256color', ...env } });
    this.run.process.stdout?.on('data', (text: string) => this.terminal.write(text));
    this.ended = this.run.ended.then(async (end) => {
      await this.#settled();
      rmSync(this.#directory, { recursive: true, force: true });
      return end;
    });
  }

  get #device(): string {
    return path.join(this.#directory, 'tty');
  }

  /** What is on the screen, line by line. */
  get lines(): readonly string[] {
    const { active } = this.terminal.buffer;
    return Array.from(
      { length: this.terminal.rows },
      (_, row) => active.getLine(active.viewportY + row)?.translateToString(true) ?? '',
    );
  }

  /** Whether the second screen is in use, as of full-screen programs. */
  get isFullScreen(): boolean {
    return this.terminal.buffer.active.type === 'alternate';
  }

  /** Waits until the screen, as one text, shows this. */
  async shows(pattern: RegExp): Promise<string> {
    return waitUntil(
      () => {
        const text = this.lines.join('\n');
        if (pattern.test(text)) return text;
        throw new Error(`it shows\n${text}`);
      },
      { what: `the screen to show ${pattern}`, timeoutMs: PATIENCE_MS },
    );
  }

  /** Types characters. */
  type(text: string): void {
    this.run.process.stdin?.write(text);
  }

  /** Gives the terminal another size, as dragging its window does. */
  resize({ columns, rows }: TerminalSize): void {
    this.terminal.resize(columns, rows);
    const device = readFileSync(this.#device, 'utf8').trim();
    execFileSync('stty', ['-F', device, 'cols', String(columns), 'rows', String(rows)]);
  }

  /** Ends it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.run.process.kill('SIGKILL');
    await this.ended;
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => this.terminal.write('', resolve));
  }
}
