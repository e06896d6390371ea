import type { RouterPorts } from '../model/text-route.ts';
import {
  BY_NAME,
  factsOf,
  type NamedFacts,
  type NameFacts,
  RARE,
  type RareNames,
  rareOf,
} from './catalog.ts';
import type { Uses } from './finding.ts';
import type { Facts } from './judge.ts';

/** Age at which what is known is asked for anew, while it is used on, milliseconds. */
const REFRESH_AFTER_MS = 30_000;
/** Age at which it is not used any more, milliseconds. */
const FORGET_AFTER_MS = 60_000;
/** After a question that failed, the next one is asked so much later at the earliest, milliseconds. */
const PAUSE_MS = 1_000;
/** Most names that are kept; with more, all are forgotten. */
const MOST_NAMES = 10_000;

/** Names of functions and relations, and what the catalog says of them. Names are added; what is known of one does not change. */
export class KnownNames implements Facts {
  readonly functions = new Map<string, NameFacts>();
  readonly relations = new Map<string, NameFacts>();
  readonly rare: RareNames | undefined;
  /** When it was asked for. */
  readonly at: number;

  constructor(rare: RareNames | undefined, at: number) {
    this.rare = rare;
    this.at = at;
  }

  get size(): number {
    return this.functions.size + this.relations.size;
  }

  /** Whether all names that are used were asked for. */
  has({ functions, relations }: Pick<Uses, 'functions' | 'relations'>): boolean {
    return (
      functions.every(({ name }) => this.functions.has(name)) &&
      relations.every(({ name }) => this.relations.has(name))
    );
  }

  /** The names of which nothing was asked yet. */
  missing({ functions, relations }: Pick<Uses, 'functions' | 'relations'>): Wanted {
    return { functions: lacking(functions, this.functions), relations: lacking(relations, this.relations) };
  }

  /** Adds the answer to a question for names. A name without an answer does not exist. */
  add({ functions, relations }: Wanted, answer: NamedFacts): void {
    for (const name of functions) this.functions.set(name, answer.functions.get(name) ?? NOWHERE);
    for (const name of relations) this.relations.set(name, answer.relations.get(name) ?? NOWHERE);
  }
}

/** Names to ask for. */
interface Wanted {
  readonly functions: readonly string[];
  readonly relations: readonly string[];
}

const NOWHERE: NameFacts = Object.freeze({ own: new Set<string>(), others: new Set<string>() });

const NONE_KNOWN = new KnownNames(undefined, 0);

/**
 * What a cluster's catalog says of the names that statements use. Each is asked for once, and all together again while they are in use, so
 * that a function that was replaced is noticed; nothing is asked while nothing is used.
 */
export class KnownCatalog {
  readonly #ports: RouterPorts;
  #known: KnownNames | undefined;
  #beginning: Promise<KnownNames> | undefined;
  #isRefreshing = false;
  #failure: unknown;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  constructor(ports: RouterPorts) {
    this.#ports = ports;
  }

  /** What is known now; `undefined` if that is nothing, or too old. */
  get current(): KnownNames | undefined {
    const known = this.#known;
    if (known === undefined) return undefined;
    const now = this.#ports.now();
    const age = now - known.at;
    if (age >= FORGET_AFTER_MS) this.#known = undefined;
    else if (age >= REFRESH_AFTER_MS && !this.#isRefreshing && now >= this.#pausedUntil)
      void this.#refresh(known);
    return this.#known;
  }

  /** Forgets everything: it may have changed. */
  forget(): void {
    this.#known = undefined;
    this.#beginning = undefined;
  }

  /** What is known, with the names that are used. Rejects if the catalog cannot be asked. */
  async with(uses: Uses): Promise<KnownNames> {
    if (this.#ports.now() < this.#pausedUntil) throw this.#failure;
    try {
      const { current } = this;
      if (current === undefined) return await this.#first(uses);
      await this.#learn(current, current.missing(uses));
      return current;
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** The first names, and what is asked without names, in one flight. */
  async #first(uses: Uses): Promise<KnownNames> {
    const wanted = NONE_KNOWN.missing(uses);
    const [known, named] = await Promise.all([this.#begun(), this.#named(wanted)]);
    known.add(wanted, named);
    return known;
  }

  #begun(): Promise<KnownNames> {
    if (this.#beginning !== undefined) return this.#beginning;
    const beginning = this.#rare().then((known) => {
      if (this.#beginning === beginning) this.#known = known;
      return known;
    });
    this.#beginning = beginning;
    const over = () => {
      if (this.#beginning === beginning) this.#beginning = undefined;
    };
    beginning.then(over, over);
    return beginning;
  }

  async #rare(): Promise<KnownNames> {
    const at = this.#ports.now();
    return new KnownNames(rareOf(await this.#ports.ask(RARE, [])), at);
  }

  async #learn(known: KnownNames, wanted: Wanted): Promise<void> {
    known.add(wanted, await this.#named(wanted));
    if (known.size > MOST_NAMES && this.#known === known) this.forget();
  }

  async #named({ functions, relations }: Wanted): Promise<NamedFacts> {
    const isNothing = functions.length + relations.length === 0;
    return factsOf(isNothing ? [] : await this.#ports.ask(BY_NAME, [functions, relations]));
  }

  async #refresh(old: KnownNames): Promise<void> {
    this.#isRefreshing = true;
    try {
      const known = await this.#rare();
      await this.#learn(known, {
        functions: [...old.functions.keys()],
        relations: [...old.relations.keys()],
      });
      // Names that were added meanwhile are asked for when they are used; what was forgotten stays so.
      if (this.#known === old) this.#known = known;
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isRefreshing = false;
    }
  }

  #failed(error: unknown): void {
    this.#failure = error;
    this.#pausedUntil = this.#ports.now() + PAUSE_MS;
  }
}

function lacking(
  used: readonly { readonly name: string }[],
  known: ReadonlyMap<string, NameFacts>,
): readonly string[] {
  return [...new Set(used.map(({ name }) => name))].filter((name) => !known.has(name));
}
