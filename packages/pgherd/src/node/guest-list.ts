import type { Access } from '../model/names.ts';
import type { Demand } from '../routing/select.ts';
import type { Disposition } from '../topology/disposition.ts';

/** A connection that a guest speaks on, as the node sees it. */
export interface Guest {
  /** Ends it as soon as nothing is under way on it: between two statements, outside a transaction. */
  drain(reason: string): void;
  /** Ends it at once. If nothing is under way on it, nothing is lost, and it ends as if it were drained. */
  bury(reason: string): void;
  /** Lets nothing begin until {@link goOn}: a statement, or a transaction. What is under way goes on. */
  hold(): void;
  goOn(): void;
}

/** What becomes of guests where something becomes of the node's own connections. */
export const GUESTS_FATE: Readonly<Record<Disposition, 'keep' | 'drain' | 'bury'>> = Object.freeze({
  keep: 'keep',
  // The server is full, and answers those that it has.
  redirect: 'keep',
  drain: 'drain',
  // The node missed an answer: what is idle moves on, what is under way may yet be answered.
  'move-reads': 'drain',
  // The node is offline. A guest does not know, and would wait for as long as its program does.
  withdraw: 'bury',
  destroy: 'bury',
});

/** What a guest asked for. */
interface Place {
  readonly demand: Demand;
  /** Whether it may write. */
  readonly access: Access;
}

/** The guests of one node. They are not counted in its pool: their own pools have limits. */
export class GuestList {
  readonly #guests = new Map<Guest, Place>();
  #whenEmpty: (() => void)[] = [];

  get count(): number {
    return this.#guests.size;
  }

  add(guest: Guest, demand: Demand, access: Access): void {
    this.#guests.set(guest, { demand, access });
  }

  remove(guest: Guest): void {
    this.#guests.delete(guest);
    if (this.#guests.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Follows what was decided about the connections of the node. */
  dispose(disposition: Disposition, reason: string): void {
    const fate = GUESTS_FATE[disposition];
    if (fate === 'drain') this.drain(reason);
    else if (fate === 'bury') this.bury(reason);
  }

  /** Drains all, or those with a demand that `which` takes. */
  drain(reason: string, which: (demand: Demand) => boolean = () => true): void {
    for (const [guest, { demand }] of [...this.#guests]) if (which(demand)) guest.drain(reason);
  }

  /** Holds those that write, until {@link goOn}. */
  hold(): void {
    for (const [guest, { access }] of this.#guests) if (access === 'read-write') guest.hold();
  }

  goOn(): void {
    for (const guest of [...this.#guests.keys()]) guest.goOn();
  }

  bury(reason: string): void {
    for (const guest of [...this.#guests.keys()]) guest.bury(reason);
  }

  /** Drains those that are here now. Resolves when no guest is left. */
  async leave(reason: string): Promise<void> {
    this.drain(reason);
    if (this.#guests.size === 0) return;
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }
}
