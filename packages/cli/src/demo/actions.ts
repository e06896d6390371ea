import { setTimeout as pause } from 'node:timers/promises';
import type { TestCluster, TestNode } from '@pgherd/testing';
import type { EventName, Schedule } from './schedule.ts';

/** Carries out events on the servers. Remembers the node that was lost, to bring it back. */
export class Saboteur {
  readonly #cluster: TestCluster;
  readonly #schedule: Schedule;
  readonly #say: (sentence: string) => void;
  #lost: TestNode | undefined;

  constructor(cluster: TestCluster, schedule: Schedule, say: (sentence: string) => void) {
    this.#cluster = cluster;
    this.#schedule = schedule;
    this.#say = say;
  }

  /** Resolves when the event has taken full effect, so that the next one can begin. */
  async perform(name: EventName, signal: AbortSignal): Promise<void> {
    switch (name) {
      case 'undisturbed':
        return;
      case 'standby-lost':
        return this.#loseStandby();
      case 'standby-back':
        return this.#startAgain();
      case 'switchover':
        return this.#switchOver();
      case 'primary-killed':
        return this.#losePrimary('killed', (node) => node.kill());
      case 'old-primary-rejoined':
        return this.#rejoin();
      case 'primary-frozen':
        return this.#losePrimary('frozen', (node) => node.freeze());
      case 'thawed-and-rejoined':
        await this.#lost?.thaw();
        this.#say(`${this.#lost?.name} is thawed and believes to be the primary`);
        await pause(this.#schedule.strayMs, undefined, { signal });
        return this.#rejoin();
      default:
        name satisfies never;
    }
  }

  async #loseStandby(): Promise<void> {
    const node = this.#candidate();
    this.#lost = node;
    this.#say(`${node.name} is killed, a standby`);
    await node.kill();
  }

  async #startAgain(): Promise<void> {
    await this.#lost?.start();
    await this.#cluster.waitForStreaming();
    this.#say(`${this.#lost?.name} is back and streams`);
  }

  async #switchOver(): Promise<void> {
    const to = this.#candidate();
    this.#say(`switchover from ${this.#cluster.primary.name} to ${to.name}`);
    await this.#cluster.switchover(to);
    await this.#cluster.waitForStreaming();
    this.#say(`${to.name} is primary, all standbys stream`);
  }

  async #losePrimary(how: 'killed' | 'frozen', lose: (node: TestNode) => Promise<unknown>): Promise<void> {
    const old = this.#cluster.primary;
    this.#lost = old;
    this.#say(`${old.name} is ${how}, the primary`);
    await lose(old);
    const { promoted } = await this.#cluster.failover({ afterMs: this.#schedule.promoteAfterMs });
    this.#say(`${promoted.name} is promoted`);
  }

  async #rejoin(): Promise<void> {
    const node = this.#lost;
    await node?.rejoin();
    this.#say(`${node?.name} has rejoined and streams`);
  }

  #candidate(): TestNode {
    const [node] = this.#cluster.standbys;
    if (node === undefined) throw new Error('The demo needs a standby, but the cluster has none.');
    return node;
  }
}
