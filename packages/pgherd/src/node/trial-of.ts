import type { NodeDescription } from '../model/topology.ts';
import type { Ask } from '../monitor/connection.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';
import type { Pool } from '../pool/pool.ts';
import { LeftBehind } from '../trial/left-behind.ts';
import { Trial } from '../trial/trial.ts';
import type { Session } from './session.ts';

/** What the trial of a node's connections needs from the node. */
export interface TriedNode {
  readonly name: string;
  readonly settings: ClusterSettings;
  readonly pool: Pool<Session>;
  /** Asks over the monitor's connection, while there is one. */
  readonly ask: Ask | undefined;
  /** Whether the server knows the sessions by the process numbers that they reported. */
  namesBackends(): boolean;
  /** The node in the current picture; `undefined` if it has left. */
  describe(): NodeDescription | undefined;
  condemned(event: ClusterEvents['connection:condemned']): void;
  warned(message: string): void;
}

/** Whether the server that the monitor asks is the one to which a connection leads that was opened at that time. */
function isKnownThere(node: TriedNode, openedAt: number): boolean {
  // A connection to an earlier life of the server, or to another one at its address, is not known to this one.
  const { leadsTo, lifeSince, several } = node.describe() ?? {};
  const isOne = lifeSince !== undefined && several === undefined && leadsTo === undefined;
  return isOne && node.namesBackends() && openedAt >= lifeSince;
}

/** What ends the backends that lost connections of the node leave behind, and takes in each of these. */
export function leftBehindOf(node: TriedNode): { note(session: Session): void; stop(): void } {
  const { probe, clock } = node.settings;
  const left = new LeftBehind({
    clock,
    timeoutMs: probe.timeoutMs,
    get ask() {
      return node.ask;
    },
  });
  return {
    note: ({ connection: { backendPid: pid }, openedAt, openedAtThere }) => {
      const isThere = () => isKnownThere(node, openedAt);
      if (pid !== undefined && isThere()) left.add({ pid, openedAt, openedAtThere, isThere });
    },
    stop: () => left.stop(),
  };
}

/** A statement takes longer than usual: its node is asked at once, and after a while what became of its connection. */
export function lookInto(
  slowMs: number,
  monitor: { hint(): void },
  trial: Pick<Trial<Session>, 'waited'>,
): void {
  monitor.hint();
  trial.waited(slowMs);
}

/** The trial of a node's connections that may be lost. */
export function trialOf(node: TriedNode): Trial<Session> {
  const { name, settings } = node;
  return new Trial<Session>({
    clock: settings.clock,
    timeoutMs: settings.probe.timeoutMs,
    get ask() {
      return node.ask;
    },
    canBeTried: ({ openedAt }) => isKnownThere(node, openedAt),
    inUse: () => node.pool.inUse(),
    condemned: ({ session, pid, state = 'gone', waitedMs, survivor }) => {
      session.noteSurvivor(survivor);
      node.condemned({ node: name, pid, state, waitedMs });
      const reason =
        state === 'gone' ? 'the server has no such session any more' : `lost: the server was ${state}`;
      node.pool.destroyWhere((one) => one === session, reason);
    },
    impossible: (reason) =>
      node.warned(
        `${name}: connections that the network loses while they are in use are not found out, since pg_stat_activity cannot be asked: ${reason}`,
      ),
  });
}
