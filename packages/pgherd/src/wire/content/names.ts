import { createHash } from 'node:crypto';
import type { Columns } from './rows.ts';

/** Statements that stay prepared on one connection; the one that was not used for longest makes room. */
const MAX_PREPARED = 250;
/** Characters of a hash in a name: names have at most 63 bytes. */
const HASH_CHARACTERS = 32;
/** Texts that are remembered for all connections of a driver. */
const MAX_TEXTS = 2_000;

/** A statement that has a name on one connection. */
export interface Prepared {
  readonly name: string;
  /** Of its rows; `undefined` until the server has described it. */
  columns: Columns | undefined;
  /** OIDs of the types of its parameters, as of the time when it was parsed. */
  parameters: readonly number[];
  parsed: boolean;
  /** When it was sent to be parsed, and how the schema stood then. */
  readonly since: number;
  readonly schema: number;
  /** Whether it was used since the search for room last passed by. */
  used: boolean;
}

/** Hashes by text, for all connections of a driver: the same few texts are prepared on many of them. */
export class TextHashes {
  readonly #hashes = new Map<string, string>();

  of(text: string): string {
    let hash = this.#hashes.get(text);
    if (hash === undefined) {
      hash = createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
      if (this.#hashes.size >= MAX_TEXTS) this.#hashes.clear();
      this.#hashes.set(text, hash);
    }
    return hash;
  }
}

/** What a prepared statement depends on, for all connections of a driver. */
export class Schema {
  /** Age at which a prepared statement is given up, milliseconds; 0 for never. */
  readonly maxAgeMs: number;
  readonly now: () => number;
  /** Counts the commands seen that may have changed the schema. */
  #version = 0;
  /** When a prepared statement of this text was last found to be of an old schema, on any connection. */
  readonly #staleAt = new Map<string, number>();

  constructor(maxAgeMs: number, now: () => number) {
    this.maxAgeMs = maxAgeMs;
    this.now = now;
  }

  changed(): void {
    this.#version++;
  }

  /** A prepared statement of this text is of an old schema, or seems to be: so are those of other connections. */
  noteStale(text: string): void {
    if (this.#staleAt.size >= MAX_TEXTS) this.#staleAt.clear();
    this.#staleAt.set(text, this.now());
  }

  /** A prepared statement that is about to be parsed. */
  prepared(name: string): Prepared {
    const { now } = this;
    return {
      name,
      columns: undefined,
      parameters: NO_PARAMETERS,
      parsed: false,
      used: true,
      since: now(),
      schema: this.#version,
    };
  }

  /** Whether it may be used still: later changes of the schema by others are found at its age at the latest. */
  isCurrent({ schema, since }: Prepared, text: string): boolean {
    if (schema !== this.#version || (this.maxAgeMs !== 0 && this.now() - since >= this.maxAgeMs))
      return false;
    return this.#staleAt.size === 0 || since > (this.#staleAt.get(text) ?? Number.NEGATIVE_INFINITY);
  }
}

const NO_PARAMETERS: readonly number[] = Object.freeze([]);

/**
 * The prepared statements of one connection, by text. A name is never used twice: after the server forgot one, or refuses
 * it because a table has changed, the next is another.
 */
export class PreparedNames {
  readonly #hashes: TextHashes;
  readonly #schema: Schema;
  /** Made with the first: most connections of a program that uses leases never have one. */
  #byText: Map<string, Prepared> | undefined;
  #obsolete: string[] | undefined;
  #count = 0;

  constructor(hashes: TextHashes, schema: Schema) {
    this.#hashes = hashes;
    this.#schema = schema;
  }

  /** What the text is prepared as; `undefined` if it is not, or was for too long. */
  find(text: string): Prepared | undefined {
    const known = this.#byText?.get(text);
    if (known === undefined || known.columns === undefined || this.#schema.isCurrent(known, text))
      return known;
    this.drop(text, known);
    return undefined;
  }

  /** Takes a name for a text that is about to be parsed. */
  add(text: string): Prepared {
    this.#byText ??= new Map();
    if (this.#byText.size >= MAX_PREPARED) this.#makeRoom(this.#byText);
    const name = `pgherd_${this.#hashes.of(text)}_${(this.#count++).toString(36)}`;
    const prepared = this.#schema.prepared(name);
    this.#byText.set(text, prepared);
    return prepared;
  }

  /** It cannot be used any more; where the server still has it, it is closed. */
  drop(text: string, prepared: Prepared): void {
    if (this.#byText?.get(text) !== prepared) return;
    this.#byText.delete(text);
    if (!prepared.parsed) return;
    this.#obsolete ??= [];
    this.#obsolete.push(prepared.name);
  }

  /** A name of a caller's is to be closed as well. */
  close(name: string): void {
    this.#obsolete ??= [];
    this.#obsolete.push(name);
  }

  /** Names to be closed on the server, once. */
  takeObsolete(): readonly string[] {
    const obsolete = this.#obsolete;
    this.#obsolete = undefined;
    return obsolete ?? NONE;
  }

  /** The server has forgotten everything. */
  clear(): void {
    this.#byText = undefined;
    this.#obsolete = undefined;
  }

  /**
   * Second chance: a statement used since the last search moves to the end. One that is being parsed stays: if all are, there
   * are more than {@link MAX_PREPARED} until the next search.
   */
  #makeRoom(byText: Map<string, Prepared>): void {
    // Without a limit this would not end: what moves to the end is found again.
    let looks = 2 * MAX_PREPARED;
    for (const [text, prepared] of byText) {
      if (byText.size < MAX_PREPARED || looks-- === 0) return;
      if (prepared.used || prepared.columns === undefined) {
        prepared.used = false;
        byText.delete(text);
        byText.set(text, prepared);
      } else this.drop(text, prepared);
    }
  }
}

const NONE: readonly string[] = Object.freeze([]);
