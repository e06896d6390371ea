import { spawn } from 'node:child_process';

const LIMIT_MS = 300_000;

/** What a program came to. */
export interface Ran {
  /** `null` for a program that a signal ended, such as one that took too long. */
  readonly code: number | null;
  /** Both outputs, as they came. */
  readonly output: string;
}

/** Runs a program to its end; after five minutes it is ended. */
export function run(
  program: string,
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd,
      env: { ...process.env, NO_COLOR: '1', ...env },
      timeout: LIMIT_MS,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    child.on('error', reject).on('close', (code) => resolve({ code, output }));
  });
}
