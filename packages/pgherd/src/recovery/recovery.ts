import type { Call } from '../call/call.ts';
import { withNode } from '../call/failures.ts';
import type { Herd } from '../herd/herd.ts';
import { OutcomeUnknownError, PgHerdError } from '../model/errors.ts';
import type { Statement } from '../model/statement.ts';
import type { NodeRuntime } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { type Budget, fullBudget, spend } from '../retry/budget.ts';
import { classifyError } from '../retry/classify.ts';
import {
  backoffMs,
  type Decision,
  decideStatement,
  type FailedAttempt,
  overruled,
  takesToken,
} from '../retry/decide.ts';
import type { Phase } from '../retry/rules.ts';
import { readStatement } from '../sql/statement.ts';
import { isPast } from '../time/deadline.ts';
import { withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import { isWritable } from '../topology/writable.ts';
import { wishOf } from './retry-wish.ts';

/** How often a node is asked whether its configuration makes it read-only, before that is denied; every 50 ms at most. */
const LOOKS_BY_DEFAULT = 5;

/** What a call went through so far. */
export interface Progress {
  attempts: number;
  movedBefore: boolean;
  /** Nodes on which it was lost: not looked at again at once, since all connections of a dying node end within moments. */
  readonly lostOn: Set<string>;
}

/** Says what becomes of work that failed, and does what has to be done before it is run again. */
export class Recovery<C> {
  readonly #herd: Herd<C>;
  #budget: Budget | undefined;

  constructor(herd: Herd<C>) {
    this.#herd = herd;
  }

  /**
   * Decides what becomes of a failed attempt and does what has to be done before the next one. `false` means that the
   * error goes to the caller.
   */
  async retries(
    attempt: FailedAttempt,
    decide: (attempt: FailedAttempt) => Decision,
    session: Session<C> | undefined,
    error: unknown,
    call: Call,
    progress: Progress,
  ): Promise<boolean> {
    const { clock, random, retry } = this.#herd.settings;
    const advised = decide(attempt);
    const work = decide === decideStatement ? 'statement' : 'transaction';
    const wish = wishOf(this.#herd, error, attempt, advised, work, session?.node);
    const decision = overruled(advised, wish, attempt);
    if (decision.kind === 'unknown' || decision.kind === 'fail') return false;
    if (takesToken(decision, attempt.classification) && !this.#spend()) {
      this.#herd.events.emit('retry:exhausted', { node: session?.node, error });
      return false;
    }
    const free = decision.kind === 'move' && decision.free;
    if (decision.kind === 'move') {
      if (free) progress.attempts--;
      progress.movedBefore = true;
      if (session !== undefined) progress.lostOn.add(session.node);
    }
    const delayMs = free ? 0 : backoffMs(attempt.attempts, retry, random.next());
    if (!free) await this.#pause(delayMs, call);
    if (isPast(call.deadline, clock.now()) || call.signal?.aborted === true) return false;
    const { kind } = attempt.classification;
    const again = progress.attempts + 1;
    this.#herd.events.emit('call:retried', { node: session?.node, attempt: again, error, kind, delayMs });
    return true;
  }

  #spend(): boolean {
    const { nodes, settings } = this.#herd;
    let answered = 0;
    for (const node of nodes.values()) answered += node.answered;
    const now = settings.clock.now();
    this.#budget ??= fullBudget(settings.retry, now, answered);
    const { allowed, budget } = spend(this.#budget, settings.retry, now, answered);
    this.#budget = budget;
    return allowed;
  }

  /**
   * A node that refused a write as read-only is asked before anybody believes it: the reason may be the caller's own
   * read-only transaction or a setting of its role.
   */
  async confirmRefusal(session: Session<C>, call: Call): Promise<boolean> {
    const runtime = this.#herd.runtimeOf(session);
    if (runtime === undefined) return false;
    const { handedAt } = session;
    // Each process of the server takes up a changed configuration by itself: the monitor's may be a moment behind.
    const byDefault = session.connection.parameters.get('default_transaction_read_only') === 'on';
    for (let looks = byDefault ? LOOKS_BY_DEFAULT : 1; looks > 0; looks--) {
      if (isPast(call.deadline, this.#herd.settings.clock.now())) return false;
      if (await this.#looksUnwritable(runtime, handedAt, call)) return true;
    }
    return false;
  }

  async #looksUnwritable(runtime: NodeRuntime<C>, handedAt: number, call: Call): Promise<boolean> {
    const { clock, fencing, probe } = this.#herd.settings;
    const limit = Math.max(1, Math.min(2 * probe.timeoutMs, call.deadline - clock.now()));
    await withLimit(clock, limit, runtime.monitor.probeNow()).catch(() => undefined);
    const description = findNode(this.#herd.topology, runtime.name);
    if (description === undefined || !isWritable(description, fencing)) return true;
    // It is the primary again, but was not for a while since this attempt began; what was before it did not see.
    return runtime.treatedAt > handedAt;
  }

  /** Whether a single statement that failed is to be run again, after what has to be done before. */
  async recover(
    error: unknown,
    phase: Phase,
    statement: Statement,
    session: Session<C>,
    call: Call,
    progress: Progress,
  ): Promise<boolean> {
    const classification = classifyError(error);
    if (error instanceof PgHerdError && GAVE_UP.has(error.code)) return false;
    if (classification.nodeVerdict === 'probe') this.#herd.nodes.get(session.node)?.monitor.hint();
    const refused = classification.kind === 'read-only' && call.access === 'read-write';
    const attempt: FailedAttempt = {
      phase,
      classification,
      readOnlyConnection: session.couldNotWrite,
      idempotent: call.idempotent,
      atomic: readStatement(statement.text).atomic,
      attempts: progress.attempts,
      maxAttempts: this.#herd.settings.retry.attempts,
      movedBefore: progress.movedBefore,
      refusalConfirmed: refused && (await this.confirmRefusal(session, call)),
    };
    return this.retries(attempt, decideStatement, session, error, call, progress);
  }

  /** What the caller sees of an error that ends the call; `text` is what was sent, where that says whether a part may be done. */
  failure(error: unknown, phase: Phase, session: Session<C>, call: Call, text = ''): unknown {
    const classification = classifyError(error);
    const gaveUp = error instanceof PgHerdError && GAVE_UP.has(error.code);
    const answered = classification.severity === 'ERROR' || (error instanceof PgHerdError && !gaveUp);
    const unread = phase === 'not-handed' || phase === 'behind-fatal';
    const certain = classification.safeToRetry(phase) && (unread || readStatement(text).atomic);
    const harmless = session.couldNotWrite || certain;
    if (answered || harmless || call.idempotent) return withNode(error, session.node);
    const { node } = session;
    const sentence = `The statement was sent to ${node} and was not answered: nobody can tell whether it was executed.`;
    return withNode(
      new OutcomeUnknownError('statement', sentence, { cause: error, details: { node } }),
      node,
    );
  }

  async #pause(ms: number, call: Call): Promise<void> {
    const { clock } = this.#herd.settings;
    await new Promise<void>((resolve) => {
      const timer = clock.schedule(Math.max(0, Math.min(ms, call.deadline - clock.now())), done);
      const { signal } = call;
      function done() {
        timer.cancel();
        signal?.removeEventListener('abort', done);
        resolve();
      }
      signal?.addEventListener('abort', done, { once: true });
      if (signal?.aborted) done();
    });
  }
}

/** Errors by which a call ends although its statement may still run. */
const GAVE_UP: ReadonlySet<string> = new Set(['PGHERD_TIMEOUT', 'PGHERD_ABORTED']);
