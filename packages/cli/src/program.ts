import { createRequire } from 'node:module';
import { Argument, Command, Option } from 'commander';
import { TARGETS, type Target } from 'pgherd';
import type { AcceptEpochOptions } from './accept-epoch/command.ts';
import type { BenchOptions } from './bench/command.ts';
import { defineBench } from './bench/define.ts';
import { SHELLS, type Shell } from './completion/scripts.ts';
import type { DashboardCommandOptions } from './dashboard/command.ts';
import { defineDashboard } from './dashboard/define.ts';
import type { DemoCommandOptions } from './demo/command.ts';
import { SECONDS } from './demo/schedule.ts';
import type { DoctorOptions } from './doctor/command.ts';
import type { DrillOptions } from './drill/command.ts';
import type { ExplainOptions } from './explain/command.ts';
import { wholeNumber } from './shell/arguments.ts';
import { commandOf, timeoutOption, URL_ARGUMENT } from './shell/define.ts';
import type { CommonOptions } from './shell/run.ts';
import type { StatusOptions } from './status/command.ts';
import type { WatchOptions } from './watch/command.ts';
import { defineWatch } from './watch/define.ts';

/** What the commands of the program do; each resolves with an exit code. */
export interface Commands {
  status(url: string, options: StatusOptions): Promise<number>;
  watch(url: string, options: WatchOptions): Promise<number>;
  explain(target: Target, url: string, options: ExplainOptions): Promise<number>;
  doctor(url: string, options: DoctorOptions): Promise<number>;
  drill(url: string, options: DrillOptions): Promise<number>;
  bench(url: string, options: BenchOptions): Promise<number>;
  dsn(url: string, options: CommonOptions): Promise<number>;
  dashboard(url: string, options: DashboardCommandOptions): Promise<number>;
  acceptEpoch(url: string, options: AcceptEpochOptions): Promise<number>;
  completion(shell: Shell, program: Command): Promise<number>;
  demo(options: DemoCommandOptions): Promise<number>;
}

/** Gets the exit code. */
export type Finished = (exitCode: number) => void;

/** The program `pgherd` with all its commands; `finished` gets the exit code. */
export function createProgram(commands: Commands, finished: Finished): Command {
  const program = new Command('pgherd')
    .description('High-availability PostgreSQL from Node.js: look at a cluster, and see failover work.')
    .version(ownVersion())
    .enablePositionalOptions()
    .allowExcessArguments(false)
    .showHelpAfterError('(more: pgherd --help, pgherd <command> --help)')
    .addHelpText('after', AFTER_HELP);
  program.addCommand(status(commands, finished));
  program.addCommand(defineWatch(async (url, options) => finished(await commands.watch(url, options))));
  program.addCommand(explain(commands, finished));
  program.addCommand(doctor(commands, finished));
  program.addCommand(drill(commands, finished));
  program.addCommand(defineBench(async (url, options) => finished(await commands.bench(url, options))));
  program.addCommand(
    defineDashboard(async (url, options) => finished(await commands.dashboard(url, options))),
  );
  program.addCommand(dsn(commands, finished));
  program.addCommand(acceptEpoch(commands, finished));
  program.addCommand(demo(commands, finished));
  program.addCommand(completion(program, commands, finished));
  return program;
}

const AFTER_HELP = `
The servers are those of [url], else of PGSERVICE, PGHOST and the other PG* variables. The password is taken
from PGPASSWORD or ~/.pgpass, or asked for on the terminal; leave it out of the url.

Exit codes: 0 fine, 1 something was found, 2 wrong usage, 3 no server reached, 4 failed, 130 interrupted.`;

function status(commands: Commands, finished: Finished): Command {
  return commandOf(
    'status',
    'Shows each server: role, health, standing, timeline, lag, latency, connections, and what is wrong.',
    'pgherd status postgres://app@db1,db2,db3/shop',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(timeoutOption())
    .action(async (url: string | undefined, options: StatusOptions) =>
      finished(await commands.status(url ?? '', options)),
    );
}

function explain(commands: Commands, finished: Finished): Command {
  return commandOf(
    'explain',
    'Shows why each server would serve a target, or would not.',
    'pgherd explain prefer-standby postgres://app@db1,db2,db3/shop --max-lag-ms 1000',
  )
    .addArgument(new Argument('<target>', 'what a call asks for').choices(TARGETS))
    .argument('[url]', URL_ARGUMENT)
    .addOption(timeoutOption())
    .addOption(
      new Option('--max-lag-ms <n>', 'largest lag of a standby').argParser(
        wholeNumber({ min: 0, max: 2 ** 31 - 1 }),
      ),
    )
    .action(async (target: Target, url: string | undefined, options: ExplainOptions) =>
      finished(await commands.explain(target, url ?? '', options)),
    );
}

function acceptEpoch(commands: Commands, finished: Finished): Command {
  return commandOf(
    'accept-epoch',
    'Writes the epoch of the primary into its database, so that processes that have seen a higher timeline write to it: after a restore.',
    'pgherd accept-epoch postgres://postgres@db1/shop',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(timeoutOption())
    .option('--remove', 'remove the value instead', false)
    .option('--yes', 'do not ask', false)
    .action(async (url: string | undefined, options: AcceptEpochOptions) =>
      finished(await commands.acceptEpoch(url ?? '', options)),
    );
}

function completion(program: Command, commands: Commands, finished: Finished): Command {
  return new Command('completion')
    .description('Prints a script that makes your shell complete commands and options.')
    .allowExcessArguments(false)
    .showHelpAfterError('(more: pgherd completion --help)')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText('after', '\nExample:\n  $ pgherd completion bash >> ~/.bashrc')
    .action(async (shell: Shell) => finished(await commands.completion(shell, program)));
}

function doctor(commands: Commands, finished: Finished): Command {
  return commandOf(
    'doctor',
    'Looks at servers and settings for what will hurt: each finding with its severity, evidence and remedy.',
    'pgherd doctor postgres://app@db1,db2,db3/shop --processes 12 --pool-max 10',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(timeoutOption())
    .addOption(
      new Option('--processes <n>', 'processes that run your application')
        .default(1)
        .argParser(wholeNumber({ min: 1, max: 100_000 })),
    )
    .addOption(
      new Option('--pool-max <n>', 'connections that each of them may have to a server')
        .default(10)
        .argParser(wholeNumber({ min: 1, max: 100_000 })),
    )
    .action(async (url: string | undefined, options: DoctorOptions) =>
      finished(await commands.doctor(url ?? '', options)),
    );
}

function drill(commands: Commands, finished: Finished): Command {
  return commandOf(
    'drill',
    'Writes numbered rows to a table of its own and reads them, through a failover that you cause; reports the gap, and what was lost.',
    'pgherd drill postgres://app@db1,db2,db3/shop --seconds 120',
  )
    .argument('[url]', URL_ARGUMENT)
    .addOption(
      new Option('--seconds <n>', 'how long it runs, at most')
        .default(60)
        .argParser(wholeNumber({ min: 1, max: 3_600 })),
    )
    .addOption(
      new Option('--rate <n>', 'writes a second, and as many reads')
        .default(50)
        .argParser(wholeNumber({ min: 1, max: 1_000 })),
    )
    .action(async (url: string | undefined, options: DrillOptions) =>
      finished(await commands.drill(url ?? '', options)),
    );
}

function dsn(commands: Commands, finished: Finished): Command {
  return commandOf(
    'dsn',
    'Shows how a connection string is understood, what set each parameter, and what psql would do differently. Connects to nothing.',
    "pgherd dsn 'postgres://app@db1,db2:6432/shop?sslmode=verify-full'",
  )
    .argument('[url]', URL_ARGUMENT)
    .action(async (url: string | undefined, options: CommonOptions) =>
      finished(await commands.dsn(url ?? '', options)),
    );
}

function demo(commands: Commands, finished: Finished): Command {
  const because = 'or the events run into each other';
  const seconds = wholeNumber({ ...SECONDS, because });
  const clients = wholeNumber({ min: 1, max: 64 });
  return commandOf(
    'demo',
    'Starts a primary and two standbys, runs a workload through pgherd, kills and freezes servers, switches over, ' +
      'and reports how long calls waited and whether any write was lost.',
    'pgherd demo --seconds 60',
  )
    .addOption(
      new Option('--seconds <n>', 'how long the workload runs').default(SECONDS.usual).argParser(seconds),
    )
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
    .action(async (options: DemoCommandOptions) => finished(await commands.demo(options)));
}

function ownVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('../package.json');
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest)
    return String(manifest.version);
  return 'unknown';
}
