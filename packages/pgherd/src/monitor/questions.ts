import type { ExtraQuestion } from '../floors/evidence.ts';
import { PgHerdError } from '../model/errors.ts';
import type { ProbeFacts } from '../model/observation.ts';
import { classifyError } from '../retry/classify.ts';
import type { Ask } from './connection.ts';
import { PROBES, parseFacts, parseMaxConnections, probeText } from './probe.ts';
import { SOURCE_MISSING } from './start.ts';

/** What one node is asked in a probe: all that its server answers. */
export class Questions {
  readonly #extras: () => readonly ExtraQuestion[];
  /** Index of the question in {@link PROBES} that is asked. */
  #level = 0;
  /** Whether the server lacks or forbids what was asked besides. */
  #refusesExtras = false;
  #maxConnections: number | undefined;

  /** `extras` says what is asked besides, each time. */
  constructor(extras: () => readonly ExtraQuestion[]) {
    this.#extras = extras;
  }

  /** `max_connections` of the server, as last asked for. */
  get maxConnections(): number | undefined {
    return this.#maxConnections;
  }

  /** It may be another server from now on, or one that has been given the rights: it is asked for everything again. */
  startOver(): void {
    this.#level = 0;
    this.#refusesExtras = false;
  }

  /**
   * The facts that a session gives; sources that its server lacks or forbids are left out from then on.
   * @throws what `ask` rejects with; PgHerdError `PGHERD_UNSUPPORTED` if not even the role comes.
   */
  async facts(ask: Ask): Promise<ProbeFacts> {
    for (;;) {
      const extras = this.#refusesExtras ? [] : this.#extras();
      const level = this.#level;
      try {
        const { rows } = await ask(probeText(level, extras));
        this.#maxConnections = parseMaxConnections(rows[0]) ?? this.#maxConnections;
        const facts = parseFacts(rows[0]);
        if (facts !== undefined) return facts;
        throw new PgHerdError('PGHERD_UNSUPPORTED', 'the server did not return its role');
      } catch (error) {
        const { sqlState } = classifyError(error);
        if (sqlState === undefined || !SOURCE_MISSING.has(sqlState)) throw error;
        if (extras.length > 0) this.#refusesExtras = true;
        // Several sessions may be asked at a time.
        else if (level < PROBES.length - 1) this.#level = Math.max(this.#level, level + 1);
        else throw error;
      }
    }
  }
}
