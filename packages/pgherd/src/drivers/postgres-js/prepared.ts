import type { TransactionStatus } from '../../connection/port.ts';
import type { Statement } from '../../model/statement.ts';
import { unsendable } from './inside.ts';

/** Statements that are prepared on one connection; postgres.js never forgets one. */
const MOST_PREPARED = 300;
/** Texts that are counted; a program that pastes values into its texts has no end of them. */
const MOST_COUNTED = 1_000;

/**
 * Which texts are prepared on one connection. postgres.js needs two round trips for a statement with
 * parameters that is not, so that what comes a second time is worth it.
 */
export class PreparedTexts {
  readonly #allowed: boolean;
  readonly #prepared = new Set<string>();
  readonly #counted = new Set<string>();
  readonly #named = new Map<string, string>();

  constructor(allowed: boolean) {
    this.#allowed = allowed;
  }

  /**
   * Whether a statement is to be prepared. Inside a transaction only one that has a name is: a plan that
   * became stale is prepared anew outside, and fails the transaction inside.
   * @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for a name that stands for another text.
   */
  wants({ text, name, values }: Statement, status: TransactionStatus): boolean {
    if (name !== undefined) {
      const before = this.#named.get(name);
      if (before !== undefined && before !== text) {
        throw unsendable(`prepared statements must be unique, and "${name}" was used for a different text.`);
      }
      this.#named.set(name, text);
      return this.#allowed;
    }
    if (values === undefined || values.length === 0 || status !== 'idle') return false;
    if (this.#prepared.has(text)) return this.#allowed;
    if (this.#counted.has(text)) return this.prepare(text);
    if (this.#counted.size >= MOST_COUNTED) this.#counted.clear();
    this.#counted.add(text);
    return false;
  }

  /** Whether a text may be prepared now, or is already. */
  prepare(text: string): boolean {
    if (!this.#allowed || this.#prepared.has(text)) return this.#allowed;
    if (this.#prepared.size >= MOST_PREPARED) return false;
    this.#counted.delete(text);
    this.#prepared.add(text);
    return true;
  }

  /**
   * The session was reset: names are free again, as the server sees it. What postgres.js has prepared stays.
   */
  forgetNames(): void {
    this.#named.clear();
  }
}
