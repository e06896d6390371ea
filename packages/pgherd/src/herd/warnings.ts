import type { TopologyDescription } from '../model/topology.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import { silentLogger } from '../observe/logger.ts';
import { warnProcess } from '../observe/process-warning.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { Demand, Selection } from '../routing/select.ts';
import { BarredWritesWatch } from './barred-writes.ts';
import { printing } from './log.ts';
import { SilenceWatch } from './silence-watch.ts';
import { WaitingWritesWatch } from './waiting-writes.ts';

/** To libpq, which has one connection, `any` is the first server; here a statement may get any node. */
export function warnOfAny({ target }: Pick<ClusterSettings, 'target'>, nodes: number): void {
  if (target !== 'any' || nodes < 2) return;
  warnProcess(
    'target any',
    'The target is "any" (target_session_attrs) and there are several hosts: writes may go to a standby, which refuses them with ' +
      '25006. Leave the target out, or set it to read-write, and read by db.read.',
  );
}

/** Says at the first use of a cluster what deserves attention in its settings. */
export function warnAtStart(settings: ClusterSettings, nodes: number, events: Emitter<ClusterEvents>): void {
  warnOfAny(settings, nodes);
  for (const message of settings.plan.warnings) events.emit('cluster:warned', { message });
}

/** Reports something that a person has to see: by the event and the log, or where there is no log by a warning of the process. */
function warnLoudly({ logger }: ClusterSettings, events: Emitter<ClusterEvents>, message: string): void {
  events.emit('cluster:warned', { message });
  if (logger === silentLogger) warnProcess(message, `pgherd: ${message}`);
}

/** What is said while calls wait. */
export interface WaitingWarnings {
  readonly silence: Pick<SilenceWatch, 'callWaits'>;
  /** Takes over what the picture says. */
  follow(topology: TopologyDescription): void;
  /** Nothing more is said. */
  stop(): void;
}

/** What these watches need from the herd. */
export interface WatchedHerd {
  readonly settings: ClusterSettings;
  readonly events: Emitter<ClusterEvents>;
  readonly topology: TopologyDescription;
  select(demand: Demand): Selection;
}

/** The watches over calls that wait, of which there are `callsWaiting`. */
export function waitingWarnings(herd: WatchedHerd, callsWaiting: () => number): WaitingWarnings {
  const { events, settings } = herd;
  const { clock } = settings;
  const logger = printing(settings.logger);
  const announce = (barred: ClusterEvents['cluster:writes-barred']) =>
    events.emit('cluster:writes-barred', barred);
  const barredWrites = new BarredWritesWatch({ clock, logger, callsWaiting, announce });
  const waitingWrites = new WaitingWritesWatch({
    clock,
    logger,
    callsWaiting,
    topology: () => herd.topology,
    rejections: () => herd.select({ target: 'read-write' }).rejections,
  });
  const silence = new SilenceWatch({
    clock,
    nodes: () => herd.topology.nodes,
    callsWait: () => callsWaiting() > 0,
    warn: (message) => warnLoudly(settings, events, message),
  });
  return {
    silence,
    follow: (topology) => {
      barredWrites.follow(topology.barred);
      waitingWrites.follow(topology);
    },
    stop: () => {
      for (const watch of [barredWrites, waitingWrites, silence]) watch.stop();
    },
  };
}
