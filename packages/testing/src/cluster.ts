import { TestClusterError } from './errors.ts';
import type { ClusterOptions } from './options.ts';
import { continueTree, stopTree } from './process/process-tree.ts';
import {
  failover,
  type PromotionResult,
  type SwitchoverOptions,
  type SwitchoverResult,
  switchover,
} from './referee.ts';
import { repair } from './repair.ts';
import type { TestNode } from './server/node.ts';
import { notStreaming, untilReplayed } from './server/streaming.ts';
import type { ClusterTls } from './tls/server.ts';
import { PATIENCE_MS, pause, waitUntil } from './wait.ts';

/** When a failover begins. */
export interface FailoverOptions {
  /** How long the referee waits first, in milliseconds. Default 0. */
  readonly afterMs?: number | undefined;
}

/** A primary and its standbys: real servers. Made by `createTestCluster`. */
export class TestCluster implements AsyncDisposable {
  /** All nodes, in the order of their names; the first one began as primary. */
  readonly nodes: readonly TestNode[];
  /** Multi-host URL of all nodes for the ordinary role `app`. */
  readonly url: string;
  /** Major version of the servers: 18 for PostgreSQL 18.4. */
  readonly version: number;
  readonly #options: ClusterOptions;
  readonly #cleanUp: () => Promise<void>;
  #currentPrimary: TestNode;
  #closing: Promise<void> | undefined;
  #ownTls: ClusterTls | undefined;

  /** @internal */
  constructor(parts: {
    readonly nodes: readonly TestNode[];
    readonly primary: TestNode;
    readonly version: number;
    readonly options: ClusterOptions;
    readonly cleanUp: () => Promise<void>;
  }) {
    this.nodes = parts.nodes;
    this.#currentPrimary = parts.primary;
    this.version = parts.version;
    this.#options = parts.options;
    this.#cleanUp = parts.cleanUp;
    const hosts = parts.nodes.map((node) => `${node.host}:${node.port}`).join(',');
    this.url = `postgresql://app:app@${hosts}/app`;
  }

  /** The primary as this kit knows it: the node it promoted last. */
  get primary(): TestNode {
    return this.#currentPrimary;
  }

  /**
   * What a client needs for TLS.
   *
   * @throws {@link TestClusterError} when the cluster was made without `tls`.
   */
  get tls(): ClusterTls {
    if (this.#ownTls) return this.#ownTls;
    throw new TestClusterError('The cluster has no TLS. Make it with createTestCluster({ tls: true }).');
  }

  /** @internal */
  speaksTls(tls: ClusterTls): void {
    this.#ownTls = tls;
  }

  /** All other nodes. */
  get standbys(): readonly TestNode[] {
    return this.nodes.filter((node) => node !== this.#currentPrimary);
  }

  /** Whether {@link TestCluster.close} has been called. */
  get closed(): boolean {
    return this.#closing !== undefined;
  }

  /** The node with this name. @throws {@link TestClusterError} when there is none. */
  node(name: string): TestNode {
    const found = this.nodes.find((each) => each.name === name);
    if (found) return found;
    throw new TestClusterError(
      `There is no node '${name}', only ${this.nodes.map((each) => each.name).join(', ')}.`,
    );
  }

  /** @internal */
  promoted(node: TestNode): void {
    this.#currentPrimary = node;
  }

  /** Runs a statement as superuser on a node (its name or itself), never through a proxy; returns the rows. */
  async sql(
    node: TestNode | string,
    text: string,
    values: readonly unknown[] = [],
  ): Promise<Record<string, unknown>[]> {
    return (typeof node === 'string' ? this.node(node) : node).sql(text, values);
  }

  /**
   * Hands the primary's role to a standby, planned, so that no client is left in doubt about a write. Resolves when the old primary and
   * all other running nodes stream from the new one; `readyAt` is when that one accepted writes. If `to` lacks a record the switchover is refused and undone.
   *
   * @throws {@link TestClusterError} when `to` cannot take over.
   */
  async switchover(to: TestNode, options: SwitchoverOptions = {}): Promise<SwitchoverResult> {
    const result = await switchover(this.#view(), to, options);
    await this.waitForStreaming();
    return result;
  }

  /**
   * Replaces a lost (killed, stopped or frozen) primary by the standby with the most WAL, as a safe manager does. The old one is left as it
   * is: `rejoin()` it when it is to come back.
   *
   * @throws {@link TestClusterError} when too few standbys can be reached to be sure that no confirmed commit is lost.
   */
  async failover(options: FailoverOptions = {}): Promise<PromotionResult> {
    return failover(this.#view(), options.afterMs ?? 0);
  }

  /** Stops every process of every server for so many milliseconds, as when a virtual machine is paused; resolves afterwards. */
  async pause(ms: number): Promise<void> {
    const running = this.nodes
      .filter((node) => node.state === 'running')
      .flatMap((node) => node.server.pid ?? []);
    try {
      await Promise.all(running.map(stopTree));
      await pause(ms);
    } finally {
      await Promise.all(running.map(continueTree));
    }
  }

  /**
   * Resolves when every running standby streams from the primary, on the primary's timeline. Default limit 60,000 ms. A standby that does not
   * within a third of that is restarted, once: now and then the startup process of PostgreSQL 14 ends each new WAL receiver at
   * once after a promotion, for good (seen once in about 80 times).
   *
   * @throws {@link TestClusterError} when the time is up, with the ends of all logs.
   */
  async waitForStreaming(timeoutMs = PATIENCE_MS): Promise<void> {
    const primary = this.#currentPrimary;
    const expected = this.standbys.filter((node) => node.state === 'running');
    const what = `${expected.map((node) => node.name).join(', ')} to stream from ${primary.name}`;
    const missing = (): Promise<TestNode[]> => notStreaming(primary, expected);
    const all = async (): Promise<boolean> => (await missing()).length === 0;
    const first = await waitUntil(all, { timeoutMs: timeoutMs / 3, what }).catch(() => false);
    if (first) return;
    try {
      for (const node of await missing()) {
        await node.stop('fast');
        await node.start();
      }
      await waitUntil(all, { timeoutMs: (timeoutMs * 2) / 3, what });
    } catch (error) {
      const logs = this.nodes.map((node) => `--- ${node.name}\n${node.log.tail(8)}`).join('\n');
      throw new TestClusterError(error instanceof Error ? error.message : what, {
        cause: error,
        logTail: logs,
      });
    }
  }

  /** Resolves when every running standby has replayed what the primary had written when this was called. */
  async waitForReplay(): Promise<void> {
    const running = this.standbys.filter((node) => node.state === 'running');
    await untilReplayed(this.#currentPrimary, running);
  }

  /**
   * Takes back what faults have left, of whatever kind and however many: the present primary runs, all other nodes are its standbys, nothing
   * is frozen, cut off or delayed. For the end of a test, so that the next one finds the cluster whole. Settings that the test changed by SQL,
   * and refused logins, stay.
   */
  async repair(): Promise<void> {
    await repair(this);
  }

  /** Stops all servers and removes their directories. */
  close(): Promise<void> {
    this.#closing ??= this.#cleanUp();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #view(): Parameters<typeof failover>[0] {
    const { nodes } = this;
    const { synchronous } = this.#options;
    const confirmations = synchronous === 'none' ? 0 : (synchronous.any ?? 1);
    const current = (): TestNode => this.#currentPrimary;
    return {
      nodes,
      confirmations,
      get primary(): TestNode {
        return current();
      },
    };
  }
}
