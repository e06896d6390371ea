import { argumentError } from '../../model/errors.ts';
import type { Prepared, PreparedNames, Schema } from './names.ts';

interface CallersName {
  readonly text: string;
  readonly prepared: Prepared;
}

/** The prepared statements of one connection that callers named, by name. */
export class CallersNames {
  readonly #schema: Schema;
  readonly #names: PreparedNames;
  /** Made with the first. */
  #byName: Map<string, CallersName> | undefined;

  constructor(schema: Schema, names: PreparedNames) {
    this.#schema = schema;
    this.#names = names;
  }

  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` if the name stands for another text. */
  preparedAs(name: string, text: string): Prepared {
    this.#byName ??= new Map();
    let known = this.#byName.get(name);
    if (known !== undefined && this.#isObsolete(known)) {
      this.drop(name, known.prepared);
      known = undefined;
    }
    if (known !== undefined) {
      if (known.text === text) return known.prepared;
      throw argumentError(
        `The name ${JSON.stringify(name)} stands for another statement already: names must be unique.`,
      );
    }
    if (name.includes('\0')) throw argumentError('The name of the statement contains a NUL character.');
    const prepared = this.#schema.prepared(name);
    this.#byName.set(name, { text, prepared });
    return prepared;
  }

  /** It cannot be used any more; where the server still has it, it is closed. */
  drop(name: string, prepared: Prepared): void {
    if (this.#byName?.get(name)?.prepared !== prepared) return;
    this.#byName.delete(name);
    if (prepared.parsed) this.#names.close(name);
  }

  /** The server has forgotten everything. */
  clear(): void {
    this.#byName = undefined;
  }

  #isObsolete({ prepared, text }: CallersName): boolean {
    return prepared.columns !== undefined && !this.#schema.isCurrent(prepared, text);
  }
}
