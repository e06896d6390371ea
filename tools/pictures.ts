import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { type TerminalRun, terminalSvg } from './lib/terminal-svg.ts';
import { captured } from './pictures/capture.ts';
import { openStage, type Stage } from './pictures/stage.ts';

/** One picture of the command line, made of what the program writes on a real cluster. */
interface Scene {
  readonly name: string;
  readonly command: string;
  readonly description: string;
  /** Whether it is a full screen. */
  readonly isFullScreen: boolean;
  play(stage: Stage): Promise<readonly (readonly TerminalRun[])[]>;
}

/** Each begins on a good cluster of its own. */
const SCENES: readonly Scene[] = [
  {
    name: 'status',
    command: 'pgherd status',
    description:
      'A table of three servers after a failover: db1 is offline, db2 is the primary on timeline 2, db3 a standby. Writes go to db2.',
    isFullScreen: false,
    play: async (stage) => {
      await failover(stage);
      return untilEnd(stage, ['status'], { columns: 100, rows: 20 });
    },
  },
  {
    name: 'watch',
    command: 'pgherd watch',
    description:
      'A full screen: a table of three servers with roles, lag over time, round trips, connections and transactions a second, and below it the log of a failover.',
    isFullScreen: true,
    play: async (stage) => {
      const terminal = stage.pgherd(['watch'], { columns: 124, rows: 20 });
      await terminal.shows(/up: writes go to/);
      await pause(20_000);
      await failover(stage);
      await terminal.shows(/writes go to \S+ on timeline 2/);
      await pause(8_000);
      const picture = captured(terminal.terminal);
      terminal.type('q');
      await terminal.ended;
      return picture;
    },
  },
  {
    name: 'doctor',
    command: 'pgherd doctor --processes 40',
    description:
      'Findings with their severity, server, evidence, rule and remedy: an inactive replication slot, too few connections, a standby that receives nothing.',
    isFullScreen: false,
    play: async (stage) => {
      await stage.cluster.primary.sql(`select pg_create_physical_replication_slot('old_standby', true)`);
      await stage.cluster.standbys[1]?.follow(undefined);
      await pause(3_000);
      return untilEnd(stage, ['doctor', '--processes', '40'], { columns: 100, rows: 40 });
    },
  },
  {
    name: 'drill',
    command: 'pgherd drill --seconds 12',
    description:
      'Writes and reads through a failover: what happened and when, then the gap, the latencies, and that no row was lost.',
    isFullScreen: false,
    play: async (stage) => {
      const terminal = stage.pgherd(['drill', '--seconds', '12'], { columns: 104, rows: 40 });
      await terminal.shows(/ {2,}4\.\d s/);
      await failover(stage);
      await terminal.ended;
      return captured(terminal.terminal);
    },
  },
];

/** The primary is killed, and one of the others promoted a little later. */
async function failover({ cluster, kill }: Stage): Promise<void> {
  await kill(cluster.nodes.indexOf(cluster.primary));
  await cluster.failover({ afterMs: 1_000 });
}

async function untilEnd(
  stage: Stage,
  args: readonly string[],
  size: { readonly columns: number; readonly rows: number },
): Promise<readonly (readonly TerminalRun[])[]> {
  const terminal = stage.pgherd(args, size);
  await terminal.ended;
  return captured(terminal.terminal);
}

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !SCENES.some((scene) => scene.name === name));
if (unknown.length > 0)
  throw new Error(
    `There is no picture ${unknown.join(', ')}; there are ${SCENES.map(({ name }) => name).join(', ')}.`,
  );
for (const { name, command, description, isFullScreen, play } of SCENES) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  await using stage = await openStage();
  const lines = await play(stage);
  const file = join('docs', 'figures', `cli-${name}.svg`);
  writeFileSync(file, terminalSvg({ command, hasPrompt: !isFullScreen, description, lines }));
  console.log(file);
}
