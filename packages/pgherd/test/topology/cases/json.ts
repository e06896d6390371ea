import { nearest } from '../../../src/model/nearest.ts';

/** A value of a case file that is not as it must be. The message names the place, the value and the rule. */
export class CaseFileError extends Error {
  override readonly name = 'CaseFileError';
}

/** A value of a case file together with where it stands, so that what is wrong with it can be told. */
export class Place {
  readonly #title: string;
  readonly #value: unknown;

  constructor(title: string, value: unknown) {
    this.#title = title;
    this.#value = value;
  }

  get value(): unknown {
    return this.#value;
  }

  get title(): string {
    return this.#title;
  }

  /** @throws CaseFileError always, with the place before the rule */
  fail(rule: string): never {
    throw new CaseFileError(`${this.#title}: ${rule}`);
  }

  /** Runs `fn`; what it throws is told with the place. */
  within<T>(fn: () => T): T {
    try {
      return fn();
    } catch (error) {
      if (error instanceof CaseFileError) throw error;
      return this.fail(error instanceof Error ? error.message : String(error));
    }
  }

  isGiven(): boolean {
    return this.#value !== undefined;
  }

  /** The same value under a better title. */
  titled(title: string): Place {
    return new Place(title, this.#value);
  }

  /** The members of an object whose keys are all among `keys`. */
  members<K extends string>(keys: readonly K[]): Readonly<Record<K, Place>> {
    const object = this.#object();
    for (const key of Object.keys(object)) {
      if ((keys as readonly string[]).includes(key)) continue;
      const meant = nearest(key, keys);
      const hint = meant === undefined ? `known are ${keys.join(', ')}` : `did you mean "${meant}"?`;
      this.fail(`"${key}" is not known here; ${hint}`);
    }
    const entries = keys.map((key) => [key, new Place(`${this.#title}, ${key}`, object[key])] as const);
    return Object.fromEntries(entries) as Readonly<Record<K, Place>>;
  }

  /** The members of an object with keys of its own choice; none where the value is left out. */
  entries(): readonly (readonly [string, Place])[] {
    if (!this.isGiven()) return [];
    return Object.entries(this.#object()).map(
      ([key, value]) => [key, new Place(`${this.#title}, ${key}`, value)] as const,
    );
  }

  /** The elements of a list; none where the value is left out. */
  elements(): readonly Place[] {
    if (!this.isGiven()) return [];
    if (!Array.isArray(this.#value)) return this.fail(`a list is needed, not ${shown(this.#value)}`);
    return this.#value.map((value, index) => new Place(`${this.#title}[${index}]`, value));
  }

  text(): string {
    if (typeof this.#value === 'string') return this.#value;
    return this.fail(`a text is needed, not ${shown(this.#value)}`);
  }

  /** A number from 0 up, or `otherwise` where the value is left out. */
  number<T>(otherwise: T): number | T {
    if (this.#value === undefined) return otherwise;
    if (typeof this.#value === 'number' && this.#value >= 0) return this.#value;
    return this.fail(`a number from 0 up is needed, not ${shown(this.#value)}`);
  }

  flag(otherwise: boolean): boolean {
    if (this.#value === undefined) return otherwise;
    if (typeof this.#value === 'boolean') return this.#value;
    return this.fail(`true or false is needed, not ${shown(this.#value)}`);
  }

  oneOf<T extends string>(known: readonly T[], otherwise?: T): T {
    if (this.#value === undefined && otherwise !== undefined) return otherwise;
    const text = this.text();
    const found = known.find((one) => one === text);
    if (found !== undefined) return found;
    const meant = nearest(text, known);
    const hint = meant === undefined ? `known are ${known.join(', ')}` : `did you mean "${meant}"?`;
    return this.fail(`"${text}" is not known here; ${hint}`);
  }

  #object(): Readonly<Record<string, unknown>> {
    const value = this.#value;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Readonly<Record<string, unknown>>;
    }
    return this.fail(`an object is needed, not ${shown(value)}`);
  }
}

function shown(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
