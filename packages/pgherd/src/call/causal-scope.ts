import type { CausalToken } from '../model/causal-token.ts';

/**
 * What the reads of one scope must see: the latest position that was requested after a write. Writes run in
 * parallel and their positions arrive in any order, so each is numbered when it is requested.
 */
export class CausalScope {
  #token: CausalToken | undefined;
  /**
   * Number of the last request before a write whose position is unknown: no request up to it covers that
   * write.
   */
  #lostAt = 0;
  #asked = 0;
  #lost: CausalToken | undefined;
  #unpositioned: CausalToken | undefined;
  readonly #pending = new Set<Promise<void>>();
  /** Leases that have written something whose position has not been requested yet. */
  readonly #holders = new Set<object>();

  constructor(token: CausalToken | undefined) {
    this.#token = token;
  }

  /** What reads must see now; `undefined` before the first write. */
  get token(): CausalToken | undefined {
    return this.#holders.size > 0 ? this.#unpositioned : (this.#lost ?? this.#token);
  }

  /** Whether requested positions are outstanding. */
  get isPending(): boolean {
    return this.#pending.size > 0;
  }

  /** Resolves when every position outstanding now has arrived or failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#pending);
  }

  /** `holder` has written and keeps its connection; `lost` replaces the position until {@link release}. */
  hold(holder: object, lost: CausalToken): void {
    this.#holders.add(holder);
    this.#unpositioned = lost;
  }

  /** `holder` releases its connection: the next requested position counts. */
  release(holder: object): void {
    this.#holders.delete(holder);
  }

  /** Adds a position that is being requested; `lost` replaces it if it does not arrive. Never rejects. */
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

  /** A write was acknowledged, or may have been, and no node can report its position. */
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
