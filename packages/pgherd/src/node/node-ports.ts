import type { ServerMessage } from '../connection/port.ts';
import type { Observation } from '../model/observation.ts';
import type { TopologyDescription } from '../model/topology.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { ClusterSettings } from '../options/settings.ts';

/**
 * What live nodes report to the herd and read from it; one object for all of them. Evidence comes with the
 * live node that reports it: once that one has left the list, its evidence says nothing about a node that has
 * its name now.
 */
export interface NodePortsOf<N> {
  readonly settings: ClusterSettings;
  /** The current picture. */
  topology(): TopologyDescription;
  /** Whether the primary owes an answer. */
  primaryIsLate(): boolean;
  /** The node owes an answer. */
  late(node: string): void;
  /** Logins to a node are refused, for another reason or once more, or accepted again. */
  loginsChanged(): void;
  /** The addresses of the name of a node; `undefined` if it has none, or the driver looks them up. */
  lookUp(node: string, signal: AbortSignal): Promise<readonly string[]> | undefined;
  /** The monitor of a node with a name is connected to this address; `undefined` if it could not be connected. */
  reached(node: string, address: string | undefined): void;
  observe(node: N, observation: Observation): void;
  /** Whether calls wait because no node suits them, or failed just now because every node refuses our logins. */
  callsWait(): boolean;
  /** ParameterStatus on any connection of the node. */
  parameter(node: N, generation: number, name: string, value: string): void;
  opened(node: string, durationMs: number): void;
  failed(node: string, error: unknown): void;
  closed(node: string, reason: string): void;
  scarce(event: ClusterEvents['pool:scarce']): void;
  condemned(event: ClusterEvents['connection:condemned']): void;
  commitsWait(event: ClusterEvents['node:commits-waiting']): void;
  /** A session of the application's got a message that is no error. */
  noticed(node: string, message: ServerMessage): void;
  /** Reports something that the operator should know. */
  warned(message: string): void;
}
