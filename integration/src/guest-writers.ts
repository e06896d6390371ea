import { setTimeout as lasting } from 'node:timers/promises';
import { disagreements, type TestNode, waitUntil } from '@pgherd/testing';
import { expect } from 'vitest';
import type { GuestClient } from './guests.ts';

/** Of all writers of the process: no row has the number of another. */
let lastId = 0;

/** Writers that go on until so many rows were acknowledged, half of them in transactions of the client's own unless all are `singles`. */
export class Writers {
  readonly acknowledged: number[] = [];
  readonly failed = new Map<number, unknown>();
  /** Longest time between two acknowledgements, ms. */
  longestGapMs = 0;
  readonly #guest: GuestClient;
  readonly #target: number;
  readonly #first = lastId + 1;
  #acknowledgedAt = performance.now();
  readonly done: Promise<unknown>;
  #enough = false;

  constructor(guest: GuestClient, target: number, count: number, singles = false) {
    this.#guest = guest;
    this.#target = target;
    this.done = Promise.all(
      Array.from({ length: count }, (_, index) => this.#write(index % 2 === 0 && !singles)),
    );
  }

  get isOver(): boolean {
    return this.#enough && this.acknowledged.length >= this.#target;
  }

  /** The faults are over: it may end once enough was written. */
  enough(): void {
    this.#enough = true;
  }

  /** Waits until so many more were acknowledged. */
  async more(count: number): Promise<void> {
    const from = this.acknowledged.length;
    await waitUntil(() => this.acknowledged.length >= from + count, { what: `${count} more writes` });
  }

  async #write(inTransaction: boolean): Promise<void> {
    while (!this.isOver) {
      const id = ++lastId;
      const insert = (run: GuestClient['run']) => run('insert into kept values ($1::int)', [id]);
      try {
        if (inTransaction) await this.#guest.transaction(async (run) => void (await insert(run)));
        else await insert(this.#guest.run);
        this.acknowledged.push(id);
        this.#noteGap();
      } catch (error) {
        this.failed.set(id, error);
        await lasting(1);
      }
    }
  }

  #noteGap(): void {
    const now = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, now - this.#acknowledgedAt);
    this.#acknowledgedAt = now;
  }

  /** The table `kept` has every acknowledged row once, and no row twice. */
  async assertKept(primary: TestNode): Promise<void> {
    const rows = await primary.appSql('select id from kept where id >= $1', [this.#first]);
    const acknowledged = new Set(this.acknowledged);
    const unknown = new Set(this.failed.keys());
    expect(
      disagreements(
        { acknowledged, unknown },
        rows.map(({ id }) => Number(id)),
      ),
    ).toEqual([]);
  }
}
