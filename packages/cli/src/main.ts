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
  endQuietlyOnClosedPipe();
  let exitCode: number = EXIT.fine;
  const program = createProgram(COMMANDS, (code) => {
    exitCode = code;
  });
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    // Commander has written what it had to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.fine : EXIT.usage;
    throw error;
  }
}

/** What reads the output may go away, as `head` does: that is no error of the program. Commands stop by a listener of their own. */
function endQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (!isClosed(error)) throw error;
      process.exitCode = EXIT.closedPipe;
    });
  }
}
