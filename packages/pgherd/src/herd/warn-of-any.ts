import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import { warnProcess } from '../observe/process-warning.ts';
import type { ClusterSettings } from '../options/settings.ts';

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
