import { createRequire } from 'node:module';
import { Command, Option } from 'commander';
import { wholeNumber } from './arguments.ts';
import type { DemoCommandOptions } from './demo/command.ts';
import { SECONDS } from './demo/schedule.ts';

/** What the commands of the program do; each resolves with an exit code. */
export interface Commands {
  demo(options: DemoCommandOptions): Promise<number>;
}

/** The program `pgherd` with all its commands; `finished` gets the exit code. */
export function createProgram(commands: Commands, finished: (exitCode: number) => void): Command {
  const program = new Command('pgherd')
    .description('High-availability PostgreSQL from Node.js: see it work.')
    .version(ownVersion())
    .enablePositionalOptions()
    .allowExcessArguments(false)
    .showHelpAfterError('(more: pgherd --help, pgherd demo --help)');
  program.addCommand(demo(commands, finished));
  return program;
}

function demo(commands: Commands, finished: (exitCode: number) => void): Command {
  const because = 'or the events run into each other';
  const seconds = wholeNumber({ ...SECONDS, because });
  const clients = wholeNumber({ min: 1, max: 64 });
  return new Command('demo')
    .description(
      'Starts a primary and two standbys, runs a workload through pgherd, kills and freezes servers, switches over, ' +
        'and reports how long calls waited and whether any write was lost.',
    )
    .allowExcessArguments(false)
    .addOption(
      new Option('--seconds <n>', 'how long the workload runs').default(SECONDS.usual).argParser(seconds),
    )
    .option('--json', 'print one JSON object at the end, progress on standard error', false)
    .addOption(new Option('--writers <n>', 'callers that write').default(8).argParser(clients))
    .addOption(new Option('--readers <n>', 'callers that read').default(8).argParser(clients))
    .addOption(
      new Option('--seed <n>', 'dice of the workload')
        .default(1)
        .argParser(wholeNumber({ min: 0, max: 2 ** 32 - 1 })),
    )
    .addOption(
      new Option('--version <n>', 'major version of PostgreSQL')
        .default(18)
        .argParser(wholeNumber({ min: 14, max: 18 })),
    )
    .option('--no-color', 'no colours')
    .action(async (options: DemoCommandOptions) => finished(await commands.demo(options)));
}

function ownVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../package.json');
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  return 'unknown';
}
