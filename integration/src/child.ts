import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { waitUntil } from '@pgherd/testing';
import { PATIENCE_MS } from '@pgherd/testing/internal';

/** How a process ended. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it wrote, to either stream. */
  readonly output: string;
}

/** A program that uses pgherd, in a process of its own. */
export class Program {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
  #output = '';

  /** Starts `body`, which finds everything that pgherd exports, and `url`. */
  constructor(url: string, body: string) {
    const index = new URL('../../packages/pgherd/src/index.ts', import.meta.url).href;
    const program = `
      import * as pgherd from ${JSON.stringify(index)};
      const { createCluster } = pgherd;
      const url = ${JSON.stringify(url)};
      ${body}`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
      cwd: fileURLToPath(new URL('../..', import.meta.url)),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 2 * PATIENCE_MS,
    });
    this.process = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#output += text;
      });
    }
    this.ended = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
      output: this.#output.trim(),
    }));
  }

  /** Waits until it has written `text`. */
  async says(text: string): Promise<void> {
    await waitUntil(() => this.#output.includes(text), { what: `the program to say ${text}` });
  }
}
