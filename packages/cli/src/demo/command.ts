import { onInterrupt } from '../shell/interrupt.ts';
import { inColor, withoutColor } from '../shell/paint.ts';
import { jsonView, plainView } from './plain.ts';
import { isGood } from './report.ts';
import { type DemoOptions, runDemo } from './run.ts';
import type { DemoView } from './view.ts';

/** What `pgherd demo` can be asked for. */
export interface DemoCommandOptions extends DemoOptions {
  readonly json: boolean;
  readonly color: boolean;
}

/** Exit code of a program that was interrupted. */
const INTERRUPTED = 130;

/** Runs the demo and shows it in the way that suits where the output goes; resolves with the exit code. */
export async function demoCommand(options: DemoCommandOptions): Promise<number> {
  const view = await viewFor(options);
  const abort = new AbortController();
  const stopListening = onInterrupt((times) => {
    view.close();
    // The supervisor of the test kit removes the servers as soon as this process is gone.
    if (times > 1) process.exit(INTERRUPTED);
    process.stderr.write('Interrupted: the servers are being stopped.\n');
    abort.abort(new Error('Interrupted.'));
  });
  try {
    const report = await runDemo(options, view, abort.signal);
    view.close();
    view.report(report);
    return isGood(report) ? 0 : 1;
  } catch (error) {
    view.close();
    if (abort.signal.aborted) return INTERRUPTED;
    process.stderr.write(`The demo failed: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    stopListening();
  }
}

async function viewFor({ json, color }: DemoCommandOptions): Promise<DemoView> {
  const toOutput = (text: string): void => {
    process.stdout.write(text);
  };
  const toErrors = (text: string): void => {
    process.stderr.write(text);
  };
  if (json) return jsonView(toOutput, toErrors);
  const { stdout, env } = process;
  const isTerminal = stdout.isTTY && env['TERM'] !== 'dumb' && env['CI'] === undefined;
  if (!isTerminal) return plainView(toOutput);
  const isColored = color && env['NO_COLOR'] === undefined;
  // Ink looks at this variable when it is loaded.
  if (!isColored) env['FORCE_COLOR'] = '0';
  const paint = isColored ? inColor : withoutColor;
  const { isLargeEnough, terminalView } = await import('./terminal.tsx');
  return isLargeEnough(stdout) ? terminalView(stdout, paint) : plainView(toOutput, paint);
}
