import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** How other processes of the benchmark are run. */
export interface ProcessSettings {
  /** Arguments of Node itself. Default: those of this process. */
  readonly execArgv?: readonly string[] | undefined;
}

/**
 * Runs a program of this folder, given as `./name.ts`, in a process of its own; it reads its arguments with
 * {@link argumentsOf}. What it prints is dropped, what it complains about is not.
 */
export function startProcess(
  program: string,
  args: unknown,
  { execArgv = process.execArgv }: ProcessSettings = {},
  flags: readonly string[] = [],
): ChildProcess {
  return fork(fileURLToPath(new URL(program, import.meta.url)), [JSON.stringify(args)], {
    execArgv: [...execArgv, ...flags],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
}

/** What {@link startProcess} was given for this process. */
export function argumentsOf<T>(argv: readonly string[]): T {
  return JSON.parse(argv[2] ?? '') as T;
}

/**
 * The next message of a process.
 * @throws Error when it ends instead; `what` names it there.
 */
export function messageFrom<T>(child: ChildProcess, what: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown) => {
      child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null, signal: string | null) => {
      child.off('message', onMessage);
      reject(new Error(`the process of ${what} ended (${signal ?? code})`));
    };
    child.once('message', onMessage);
    child.once('exit', onExit);
  });
}
