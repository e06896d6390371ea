import type { CausalToken } from '../model/causal-token.ts';

/**
 * What the reads of one scope have to see: the latest position that was asked for behind a write. Writes run side by side and
 * their positions come in any order, so that each is numbered when it is asked for.
 */
export class CausalScope {
  #token: CausalToken | undefined;
  /** Set when a write was acknowledged and its position could not be had; what was asked before says nothing about it. */
  #lostAt = 0;
  #asked = 0;
  #lost: CausalToken | undefined;
  #unpositioned: CausalToken | undefined;
  readonly #pending = new Set<Promise<void>>();
  /** Who holds a connection on which something was written that is not followed by a position yet: leases. */
  readonly #holders = new Set<object>();

  constructor(token: CausalToken | undefined) {
    this.#token = token;
  }

  /** What reads have to see now; `undefined` before the first write. */
  get token(): CausalToken | undefined {
    return this.#holders.size > 0 ? this.#unpositioned : (this.#lost ?? this.#token);
  }

  /** Whether positions are on their way. */
  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Resolves when every position that is on its way now has come, or is known not to come. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** `holder` has written and goes on holding its connection; `lost` stands for the position until it gives it back. */
  hold(holder: object, lost: CausalToken): void {
    this.#holders.add(holder);
    this.#unpositioned = lost;
  }

  /** `holder` gives its connection back: the position that is asked for next counts. */
  release(holder: object): void {
    this.#holders.delete(holder);
  }

  /** Takes in a position that is being asked for; `lost` stands for it where it does not come. Never rejects. */
  note(position: Promise<CausalToken>, lost: CausalToken): Promise<void> {
    const number = ++this.#asked;
    const noted = position
      .then(
        (token) => this.#arrived(token, number),
        () => this.noteLost(lost),
      )
      .finally(() => this.#pending.delete(noted));
    this.#pending.add(noted);
    return noted;
  }

  /** A write was acknowledged, or may have been, and nobody can be asked for its position. */
  noteLost(lost: CausalToken): void {
    this.#lostAt = this.#asked;
    this.#lost = lost;
  }

  #arrived(token: CausalToken, number: number): void {
    if (number > this.#lostAt) this.#lost = undefined;
    if (this.#token === undefined || isLater(token, this.#token)) this.#token = token;
  }
}

function isLater(one: CausalToken, other: CausalToken): boolean {
  if (one.systemIdentifier !== other.systemIdentifier) return true;
  const [timeline, known] = [one.timeline ?? 0, other.timeline ?? 0];
  if (timeline !== known) return timeline > known;
  return one.lsn !== undefined && (other.lsn === undefined || one.lsn >= other.lsn);
}
