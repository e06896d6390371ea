import { createHash } from 'node:crypto';
import type { Columns } from './rows.ts';

/** Most statements that stay prepared on one connection; the one unused for longest makes room. */
const MAX_PREPARED = 250;
/** Characters of the hash in a name, which has at most 63 bytes. */
const HASH_CHARACTERS = 32;

/** A statement that has a name on one connection. */
export interface Prepared {
  readonly name: string;
  /** Of its rows; `undefined` until the server has described them. */
  columns: Columns | undefined;
  parsed: boolean;
  /** Whether it was used since the last search for room. */
  used: boolean;
}

/** Most texts whose hash is remembered. */
const MAX_HASHES = 2_000;

/**
 * Hashes of texts, shared by the connections of one driver: the same few texts are prepared on all of them.
 */
export class NameHashes {
  readonly #byText = new Map<string, string>();

  of(text: string): string {
    let hash = this.#byText.get(text);
    if (hash === undefined) {
      hash = createHash('sha256').update(text).digest('hex').slice(0, HASH_CHARACTERS);
      if (this.#byText.size >= MAX_HASHES) this.#byText.clear();
      this.#byText.set(text, hash);
    }
    return hash;
  }
}

/**
 * The prepared statements of one connection, by text. A name is never used twice: once the server has
 * forgotten one, or refuses it because a table has changed, the text gets a new name.
 */
export class PreparedNames {
  readonly #hashes: NameHashes;
  /** Created with the first name: connections that are only leased never need one. */
  #byText: Map<string, Prepared> | undefined;
  #obsolete: string[] | undefined;
  #count = 0;

  constructor(hashes: NameHashes) {
    this.#hashes = hashes;
  }

  /** The prepared statement of the text, or `undefined`. */
  find(text: string): Prepared | undefined {
    return this.#byText?.get(text);
  }

  /** Takes a name for a text that is about to be parsed. */
  add(text: string): Prepared {
    this.#byText ??= new Map();
    if (this.#byText.size >= MAX_PREPARED) this.#makeRoom(this.#byText);
    const name = `pgherd_${this.#hashes.of(text)}_${(this.#count++).toString(36)}`;
    const prepared: Prepared = { name, columns: undefined, parsed: false, used: true };
    this.#byText.set(text, prepared);
    return prepared;
  }

  /** The name must not be used any more; if the server still has it, it is closed. */
  drop(text: string, prepared: Prepared): void {
    if (this.#byText?.get(text) !== prepared) return;
    this.#byText.delete(text);
    if (!prepared.parsed) return;
    this.#obsolete ??= [];
    this.#obsolete.push(prepared.name);
  }

  /** Names to be closed on the server, once. */
  takeObsolete(): readonly string[] {
    const obsolete = this.#obsolete;
    this.#obsolete = undefined;
    return obsolete ?? NONE;
  }

  /** The server has forgotten all names. */
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
