import { stdin, stdout } from 'node:process';
import type { Logger } from 'pgherd';
import { openCluster } from '../connection/open.ts';
import type { ExitCode } from '../shell/exit.ts';
import { lineText } from '../shell/line.ts';
import { type CommandContext, type CommonOptions, runCommand } from '../shell/run.ts';
import { exitCodeFor } from '../status/command.ts';
import { pressed, shownState } from './keys.ts';
import { lastLines, layout } from './layout.ts';
import { observe } from './observe.ts';
import { plainView } from './plain.ts';
import { openScreen } from './screen.ts';
import { initialState, type Level, type LogLine, logged, type Sample, sampled } from './state.ts';

/** What `pgherd watch` can be asked for. */
export interface WatchOptions extends CommonOptions {
  /** How long servers may take to answer at the start, seconds. */
  readonly timeout: number;
  /** After how many seconds it ends by itself; default: never. */
  readonly seconds?: number | undefined;
}

/** Shows the cluster until it is told to end; resolves with the exit code for its last status. */
export function watchCommand(url: string, options: WatchOptions): Promise<ExitCode> {
  return runCommand(options, (context) => watch(url, options, context), { isEndedByInterrupt: true });
}

async function watch(url: string, options: WatchOptions, context: CommandContext): Promise<ExitCode> {
  const feed = eventFeed();
  const lookMs = options.timeout * 1_000;
  await using opened = await openCluster(url, context, { lookMs, logger: feed.logger });
  const { db, plan } = opened;
  const view = context.output.isLive
    ? screenView(`${plan.user}@${plan.database}`, context)
    : linesView(context);
  let stop: (() => void) | undefined;
  try {
    stop = await observe(db, context.signal, view.sample);
    feed.to(view.happened, db.health().reasons);
    await untilStopped(AbortSignal.any([context.signal, view.quit]), options.seconds);
    return exitCodeFor(db.health().status);
  } finally {
    stop?.();
    view.close();
  }
}

/** How the cluster is shown. */
interface View {
  sample(sample: Sample, isTick: boolean): void;
  happened(line: LogLine): void;
  /** Aborted when the user wants no more. */
  readonly quit: AbortSignal;
  close(): void;
}

function linesView({ output }: CommandContext): View {
  const view = plainView(output);
  return {
    sample: ({ status, at }) => view.status(status, at),
    happened: view.happened,
    quit: new AbortController().signal,
    close: () => undefined,
  };
}

/** Shortest time between two pictures, ms: a terminal far away is not flooded. */
const FRAME_MS = 100;

function screenView(title: string, { output, interrupt }: CommandContext): View {
  let state = initialState(title, Date.now());
  let timer: NodeJS.Timeout | undefined;
  const quit = new AbortController();
  const draw = (): void => {
    clearTimeout(timer);
    timer = undefined;
    screen.draw(layout(shownState(state), screen.room).map((line) => lineText(line, output.paint)));
  };
  const drawSoon = (): void => {
    timer ??= setTimeout(draw, FRAME_MS);
  };
  const screen = openScreen(stdout, stdin, {
    onRedraw: draw,
    onKey: (key) => {
      const { state: next, effect } = pressed(state, key);
      state = next;
      switch (effect) {
        case 'quit':
          return quit.abort();
        case 'interrupt':
          return interrupt();
        case 'suspend':
          return screen.suspend();
        case 'redraw':
          return screen.redraw();
        case undefined:
          return draw();
        default:
          return effect satisfies never;
      }
    },
  });
  draw();
  return {
    sample: (sample, isTick) => {
      state = sampled(state, sample, isTick);
      drawSoon();
    },
    happened: (line) => {
      state = logged(state, line);
      drawSoon();
    },
    quit: quit.signal,
    close: () => {
      clearTimeout(timer);
      const { columns } = screen.room;
      screen.close();
      for (const line of lastLines(state, columns)) output.line(...line);
    },
  };
}

/**
 * What the cluster reports to its log. What has come before there is something to show it on is kept if it is a warning: that the nodes became
 * known is what the first picture shows.
 */
function eventFeed(): {
  readonly logger: Logger;
  /** What is said already is left out of what has come before. */
  to(listener: (line: LogLine) => void, said: readonly string[]): void;
} {
  const early: LogLine[] = [];
  let listener = (line: LogLine): void => {
    if (line.level !== 'info') early.push(line);
  };
  const at =
    (level: Level) =>
    (message: string): void =>
      listener({ at: Date.now(), level, text: message.replace(/^pgherd: /, '').split('\n', 1)[0] ?? '' });
  return {
    logger: { debug: () => undefined, info: at('info'), warn: at('warn'), error: at('error') },
    to: (next, said) => {
      listener = next;
      for (const line of early.splice(0)) if (!said.includes(line.text)) next(line);
    },
  };
}

function untilStopped(signal: AbortSignal, seconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = seconds === undefined ? undefined : setTimeout(resolve, seconds * 1_000);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}
