/** One record of the write-ahead log: a transaction, or a promotion. Logs share records; equal prefixes are the same objects. */
export interface WalRecord {
  readonly lsn: number;
  /** Ids that the transaction inserted. */
  readonly writes: readonly string[];
  readonly at: number;
}

/** Position before the first record. */
export const FIRST_LSN = 0x3000000;

/** A log that grows at its end. */
export class Wal {
  #records: WalRecord[] = [];

  get length(): number {
    return this.#records.length;
  }

  get lsn(): number {
    return this.lsnAt(this.length);
  }

  /** Position after the first `length` records. */
  lsnAt(length: number): number {
    return this.#records[length - 1]?.lsn ?? FIRST_LSN;
  }

  at(index: number): WalRecord | undefined {
    return this.#records[index];
  }

  append(writes: readonly string[], at: number): WalRecord {
    const record = { lsn: this.lsn + 120 + 40 * writes.length, writes, at };
    this.#records.push(record);
    return record;
  }

  /** Takes over what `upstream` has up to `length`. */
  copyFrom(upstream: Wal, length: number): void {
    for (let index = this.length; index < length; index++) {
      const record = upstream.at(index);
      if (record !== undefined) this.#records.push(record);
    }
  }

  /** Whether all of this is the beginning of `other`. */
  isPrefixOf(other: Wal): boolean {
    return this.length <= other.length && this.at(this.length - 1) === other.at(this.length - 1);
  }

  /** Becomes a copy of `other`, as a rewind or a base backup makes one. */
  replaceBy(other: Wal, length = other.length): void {
    this.#records = [];
    this.copyFrom(other, length);
  }

  has(write: string): boolean {
    return this.#records.some((record) => record.writes.includes(write));
  }
}
