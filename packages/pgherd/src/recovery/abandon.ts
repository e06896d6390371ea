import type { Herd } from '../herd/herd.ts';
import type { Ask } from '../monitor/connection.ts';
import type { HandedOver } from '../node/handed-over.ts';
import type { Session } from '../node/session.ts';
import { mayCancel } from '../retry/cancellable.ts';
import type { Timer } from '../time/port.ts';
import { watchdog } from '../time/watchdog.ts';

/** How long a session may take to be let go of by the server, milliseconds: then its connection is destroyed. */
const LETTING_GO_MS = 2_000;
/**
 * How long a request to cancel may be without effect before the next one, milliseconds. One that comes between two statements hits
 * nothing, and several abandoned statements need one each.
 */
const REPEAT_MS = 200;
/** Empty where no COMMIT waits for a standby. */
const SYNCHRONOUS = "SELECT pg_catalog.current_setting('synchronous_standby_names') AS names";

/** What runs on a session: the number of statements, the answer to the last, and its SQL. */
export type Running = Pick<HandedOver, 'count' | 'answer' | 'text'>;

/**
 * Lets go of sessions whose caller has given up while something runs on them. The caller never waits for it. What may be cancelled
 * on the server is cancelled, so that it does not go on without a caller; the session is used again once it has answered. Everything
 * else is destroyed with its connection.
 */
export class LettingGo<C> {
  readonly #herd: Herd<C>;
  readonly #discard: (session: Session<C>, reason: string) => void;

  constructor(herd: Herd<C>, discard: (session: Session<C>, reason: string) => void) {
    this.#herd = herd;
    this.#discard = discard;
  }

  /**
   * Ends `running`, by default what was handed over. `everything`: all of it belongs to the caller that gave up, and none of it
   * is a COMMIT.
   */
  letGo(session: Session<C>, reason: string, everything = false, running: Running = session.handed): void {
    if (session.handed.abandoning !== undefined || session.connection.closed) return;
    const { connection } = session;
    const { answer, text, count } = running;
    const verdict = mayCancel({
      text,
      inTransaction: connection.status === 'in-transaction' || connection.status === 'failed',
      couldNotWrite: session.couldNotWrite,
    });
    const foreign = count > 1 && !everything;
    if (verdict === 'never' || foreign || answer === undefined || connection.cancel === undefined) {
      this.#discard(session, reason);
      return;
    }
    session.handed.beginAbandoning(this.#end(session, answer, verdict === 'ask', reason));
  }

  async #end(session: Session<C>, answer: Promise<unknown>, ask: boolean, reason: string): Promise<void> {
    const { clock } = this.#herd.settings;
    const abort = new AbortController();
    const timer = watchdog(clock, LETTING_GO_MS, () => abort.abort(new Error('took too long')));
    const startedAt = clock.now();
    let ended = false;
    try {
      while (!ended && !abort.signal.aborted) {
        if (ask && !(await this.#isAsynchronous(session, abort.signal))) return;
        await session.connection.cancel?.(abort.signal);
        ended = await this.#answeredSoon(answer, abort.signal);
      }
    } catch {
      // The request did not come through: what runs there is left to the server.
    } finally {
      timer.cancel();
      session.handed.endAbandoning();
      // A request that is still on its way could hit whatever ran there next.
      if (!ended) this.#discard(session, reason);
      this.#herd.events.emit('statement:cancelled', {
        node: session.node,
        ended,
        durationMs: clock.now() - startedAt,
      });
    }
  }

  /** Whether it is answered before the request is repeated, be it with an error: then the connection is ready again. */
  async #answeredSoon(answer: Promise<unknown>, signal: AbortSignal): Promise<boolean> {
    const settled = answer.then(
      () => true,
      () => true,
    );
    let timer: Timer | undefined;
    const pause = new Promise<false>((resolve) => {
      timer = this.#herd.settings.clock.schedule(REPEAT_MS, () => resolve(false));
    });
    const isAnswered = await untilAborted(Promise.race([settled, pause]), signal);
    timer?.cancel();
    return isAnswered === true;
  }

  /** Whether no COMMIT on the session's server waits for a standby; `false` if no answer comes in time. */
  async #isAsynchronous(session: Session<C>, signal: AbortSignal): Promise<boolean> {
    const ask = this.#herd.nodes.get(session.node)?.monitor.ask;
    return ask !== undefined && (await untilAborted(namesOf(ask), signal)) === '';
  }
}

async function namesOf(ask: Ask): Promise<unknown> {
  const { rows } = await ask(SYNCHRONOUS);
  return rows[0]?.['names'];
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
