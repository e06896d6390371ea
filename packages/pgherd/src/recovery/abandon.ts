import type { Herd } from '../herd/herd.ts';
import type { Ask } from '../monitor/connection.ts';
import type { HandedOver } from '../node/handed-over.ts';
import type { Session } from '../node/session.ts';
import { mayCancel } from '../retry/cancellable.ts';
import { unlessAborted, within } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';

/** Longest time in which the server must end an abandoned statement, ms: then its connection is destroyed. */
const ABANDONING_MS = 2_000;
/**
 * Time after which a request to cancel that had no effect is repeated, milliseconds. A request that arrives
 * between two statements hits nothing, and several abandoned statements need one each.
 */
const REPEAT_MS = 200;
/** Empty if no COMMIT waits for a standby. */
const SYNCHRONOUS = "SELECT pg_catalog.current_setting('synchronous_standby_names') AS names";

/** What runs on a session: its answer, its SQL, and whether it is inside a transaction. */
export type Running = Pick<HandedOver, 'answer' | 'text' | 'inTransaction'>;

/**
 * Abandons sessions whose caller has timed out or aborted while something runs on them. The caller never
 * waits for it. A statement that may be cancelled on the server is cancelled, and the session is used again
 * once it has answered. For every other statement the connection is destroyed.
 */
export class Abandonment {
  readonly #herd: Herd;
  readonly #discard: (session: Session, reason: string) => void;

  constructor(herd: Herd, discard: (session: Session, reason: string) => void) {
    this.#herd = herd;
    this.#discard = discard;
  }

  /** Ends `running`, by default the statement that was handed over. */
  abandon(session: Session, reason: string, running: Running = session.handed): void {
    if (session.handed.abandoning !== undefined || session.connection.closed) return;
    const { connection } = session;
    const { answer, text, inTransaction } = running;
    const verdict = mayCancel({ text, inTransaction, couldNotWrite: session.couldNotWrite });
    if (verdict === 'never' || answer === undefined || connection.cancel === undefined) {
      this.#discard(session, reason);
      return;
    }
    session.handed.beginAbandoning(this.#end(session, answer, verdict === 'ask', reason));
  }

  async #end(session: Session, answer: Promise<unknown>, ask: boolean, reason: string): Promise<void> {
    const { clock } = this.#herd.settings;
    const abort = new AbortController();
    const timer = watchdog(clock, ABANDONING_MS, () => abort.abort(new Error('took too long')));
    const startedAt = clock.now();
    let ended = false;
    try {
      while (!ended && !abort.signal.aborted) {
        if (ask && !(await this.#isAsynchronous(session, abort.signal))) return;
        await session.connection.cancel?.(abort.signal);
        ended = await this.#answeredSoon(answer, abort.signal);
      }
    } catch {
      // The request did not arrive: the connection is destroyed.
    } finally {
      timer.cancel();
      session.handed.endAbandoning();
      // A request that is still on its way could hit the next statement there.
      if (!ended) this.#discard(session, reason);
      this.#herd.events.emit('statement:cancelled', {
        node: session.node,
        ended,
        durationMs: clock.now() - startedAt,
      });
    }
  }

  /** Whether an answer, even an error, comes before the next request: the connection is then ready again. */
  #answeredSoon(answer: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#herd.settings;
    const answered = answer.then(
      () => true,
      () => true,
    );
    const limits = {
      deadline: clock.now() + REPEAT_MS,
      signal,
      late: () => signal.reason,
      aborted: () => signal.reason,
    };
    return within(clock, answered, limits).catch(() => false);
  }

  /** Whether no COMMIT on the session's server waits for a standby. Rejects if no answer comes in time. */
  async #isAsynchronous(session: Session, signal: AbortSignal): Promise<boolean> {
    const ask = this.#herd.nodes.get(session.node)?.monitor.askSoon;
    return ask !== undefined && (await unlessAborted(namesOf(ask), signal)) === '';
  }
}

async function namesOf(ask: Ask): Promise<unknown> {
  const { rows } = await ask(SYNCHRONOUS);
  return rows[0]?.['names'];
}
