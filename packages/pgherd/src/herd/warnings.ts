import type { TopologyDescription } from '../model/topology.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import { silentLogger } from '../observe/logger.ts';
import { warnProcess } from '../observe/process-warning.ts';
import type { ClusterSettings } from '../options/settings.ts';
import { BarredWritesWatch } from './barred-writes.ts';
import { printing } from './log.ts';
import { SilenceWatch } from './silence-watch.ts';

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
  readonly barredWrites: BarredWritesWatch;
  readonly silence: SilenceWatch;
  /** Nothing more is said. */
  stop(): void;
}

/** The watches over calls that wait. */
export function waitingWarnings(
  settings: ClusterSettings,
  events: Emitter<ClusterEvents>,
  herd: { topology(): TopologyDescription; callsWaiting(): number },
): WaitingWarnings {
  const { clock, logger } = settings;
  const { callsWaiting } = herd;
  const announce = (barred: ClusterEvents['cluster:writes-barred']) =>
    events.emit('cluster:writes-barred', barred);
  const barredWrites = new BarredWritesWatch({ clock, logger: printing(logger), callsWaiting, announce });
  const silence = new SilenceWatch({
    clock,
    nodes: () => herd.topology().nodes,
    callsWait: () => callsWaiting() > 0,
    warn: (message) => warnLoudly(settings, events, message),
  });
  const stop = () => {
    barredWrites.stop();
    silence.stop();
  };
  return { barredWrites, silence, stop };
}
