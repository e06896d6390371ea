import type { Herd } from '../herd/herd.ts';
import type { Session } from '../node/session.ts';

/**
 * Asks servers whether sessions wait for locks: on the monitor's connection, never behind other work, and one question at a time for each
 * node. Probes go over the same connection, and would stay unanswered behind many questions to a server that is far away.
 */
export class LockWaits {
  readonly #herd: Herd;
  /** Nodes that owe an answer. */
  readonly #asked = new Set<string>();

  constructor(herd: Herd) {
    this.#herd = herd;
  }

  /**
   * Whether the server says that a session waits for a lock, `false` if it cannot be asked; `undefined` while it owes the answer to
   * another question. An ordinary role sees the waits of its own sessions.
   */
  has(session: Session): Promise<boolean> | undefined {
    return this.#asked.has(session.node) ? undefined : this.#ask(session);
  }

  async #ask({ node, connection }: Session): Promise<boolean> {
    const ask = this.#herd.nodes.get(node)?.monitor.askSoon;
    const { backendPid } = connection;
    if (ask === undefined || backendPid === undefined) return false;
    const text = `SELECT 1 FROM pg_catalog.pg_stat_activity WHERE pid = ${backendPid} AND wait_event_type = 'Lock'`;
    this.#asked.add(node);
    try {
      return (await ask(text)).rows.length > 0;
    } catch {
      return false;
    } finally {
      this.#asked.delete(node);
    }
  }
}
