import type { NodeDescription, TopologyDescription } from '../model/topology.ts';
import { LiveNode, type NodePorts } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import type { Use } from '../rest/rest.ts';
import type { Effects } from '../topology/effects.ts';
import { findNode } from '../topology/topology.ts';
import { LeavingNodes } from './leaving-nodes.ts';
import { MAX_CAUSES } from './no-node-error.ts';

/**
 * The live side of the picture: a live node for each of its nodes, and those that have left until they are
 * drained.
 */
export class LiveNodes {
  /** Those of the picture, by name. */
  readonly current = new Map<string, LiveNode>();
  readonly #leaving: LeavingNodes<LiveNode>;
  readonly #ports: NodePorts;

  constructor(ports: NodePorts) {
    this.#ports = ports;
    this.#leaving = new LeavingNodes(ports.settings);
  }

  /** Every live node that has connections: those of the picture, and those that are leaving it. */
  get all(): readonly LiveNode[] {
    return [...this.current.values(), ...this.#leaving.nodes];
  }

  /** The live node that `session` is connected to, also while it is leaving. */
  of(session: Session): LiveNode | undefined {
    const node = this.current.get(session.node);
    const leaving = this.#leaving.nodes;
    if (leaving.length === 0) return node;
    return [node, ...leaving].find((one) => one?.pool.isLeased(session));
  }

  /**
   * Creates a live node for each description that has none, and returns them; their monitors have not begun.
   */
  add(nodes: readonly NodeDescription[]): readonly LiveNode[] {
    const missing = nodes.filter(({ name }) => !this.current.has(name));
    return missing.map((description) => {
      const node = new LiveNode(description, this.#ports);
      this.current.set(description.name, node);
      node.noteHealth(description.health === 'ok');
      return node;
    });
  }

  /**
   * Drains the nodes of `before` that are not in `after`, or are there under another address. The work on one that has a successor, which
   * is the same server under another name, goes on for as long as that one is well.
   */
  drainRemoved(
    before: TopologyDescription,
    after: TopologyDescription,
    successors?: ReadonlyMap<string, string>,
  ): void {
    for (const last of before.nodes) {
      const stays = findNode(after, last.name);
      if (stays !== undefined && stays.address.hostaddr === last.address.hostaddr) continue;
      const node = this.current.get(last.name);
      this.current.delete(last.name);
      if (node !== undefined) void this.#leaving.drain(node, last, successors?.get(last.name));
    }
  }

  /** Lets the pools follow the picture, as was decided. */
  follow({ pools, writable }: Effects): void {
    for (const effect of pools) {
      this.current.get(effect.node)?.noteHealth(effect.isOk);
      this.current.get(effect.node)?.dispose(effect);
      for (const node of this.#leaving.succeededAs(effect.node)) node.dispose(effect);
    }
    if (writable !== undefined) this.#leaving.succeededBy(writable);
  }

  /** What all nodes were used for so far, and whether any is used now. */
  get use(): Use {
    const uses = this.all.map((node) => node.use);
    return {
      count: uses.reduce((sum, { count }) => sum + count, 0),
      isBusy: uses.some(({ isBusy }) => isBusy),
    };
  }

  /** The cluster rests. */
  rest(reason: string): void {
    for (const node of this.current.values()) node.rest(reason);
  }

  /** What keeps nodes from being all well that the picture does not show. */
  concerns(): string[] {
    return [...this.current.values()].flatMap(({ isOk, logins, standbyWaits }) => {
      // Why a node is not well is in the picture.
      const refusal = isOk ? logins.concern : undefined;
      return [refusal, standbyWaits.concern].filter((concern) => concern !== undefined);
    });
  }

  /** Every monitor probes as soon as it may. */
  hint(): void {
    for (const node of this.current.values()) node.monitor.hint();
  }

  /**
   * Why each node lets nobody in, by its name, if that is so for all of them and waiting is pointless; else `undefined`. A node with open
   * connections serves.
   */
  refusals(): ReadonlyMap<string, unknown> | undefined {
    const refusals = new Map<string, unknown>();
    for (const { isOk, logins, name, pool } of this.current.values()) {
      const { settledRefusal } = logins;
      if (settledRefusal === undefined || (isOk && !pool.isEmpty)) return undefined;
      refusals.set(name, settledRefusal);
    }
    return refusals.size === 0 ? undefined : refusals;
  }

  /**
   * What ended the last round of questions to each node, as the cause of an error; `undefined` if none
   * failed.
   */
  causes(): unknown {
    const failed = [...this.current.values()].filter((node) => node.probeError !== undefined);
    const errors = failed.slice(0, MAX_CAUSES).map((node) => node.probeError);
    if (errors.length <= 1) return errors[0];
    return new AggregateError(errors, 'what the nodes answered');
  }
}
