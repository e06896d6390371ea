import { CommanderError } from 'commander';
import { acceptEpochCommand } from './accept-epoch/command.ts';
import { benchCommand } from './bench/command.ts';
import { completionCommand } from './completion/command.ts';
import { dashboardCommand } from './dashboard/command.ts';
import { demoCommand } from './demo/command.ts';
import { doctorCommand } from './doctor/command.ts';
import { drillCommand } from './drill/command.ts';
import { dsnCommand } from './dsn/command.ts';
import { explainCommand } from './explain/command.ts';
import { type Commands, createProgram } from './program.ts';
import { EXIT } from './shell/exit.ts';
import { printable, printableLines } from './shell/printable.ts';
import { isClosed } from './shell/run.ts';
import { statusCommand } from './status/command.ts';
import { watchCommand } from './watch/command.ts';

const COMMANDS: Commands = {
  acceptEpoch: acceptEpochCommand,
  bench: benchCommand,
  completion: completionCommand,
  dashboard: dashboardCommand,
  demo: demoCommand,
  doctor: doctorCommand,
  drill: drillCommand,
  dsn: dsnCommand,
  explain: explainCommand,
  status: statusCommand,
  watch: watchCommand,
};

/** Runs the program with the arguments of the user; resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  endWhereOutputFails();
  let exitCode: number = EXIT.fine;
  const program = createProgram(COMMANDS, (code) => {
    exitCode = code;
  });
  for (const command of [program, ...program.commands])
    command.exitOverride().configureOutput({ outputError: (text, write) => write(printableLines(text)) });
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has written what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    throw error;
  }
}

/**
 * What reads the output may go away, as `head` does: that is no error of the program. If it cannot be written for another reason, such as a
 * disk that is full, that is said once. Commands stop by a listener of their own.
 */
function endWhereOutputFails(): void {
  const { stdout, stderr } = process;
  let isSaid = false;
  const onError = (error: NodeJS.ErrnoException): void => {
    process.exitCode = isClosed(error) ? EXIT.closedPipe : EXIT.failed;
    if (isClosed(error) || isSaid) return;
    isSaid = true;
    stderr.write(`pgherd: The output could not be written: ${printable(error.message)}\n`);
  };
  for (const stream of [stdout, stderr]) stream.on('error', onError);
}
