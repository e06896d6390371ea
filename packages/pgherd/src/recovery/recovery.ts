import { type Call, mayWrite } from '../call/call.ts';
import type { Herd } from '../herd/herd.ts';
import { messageOf } from '../model/errors.ts';
import type { LiveNode } from '../node/live-node.ts';
import type { Session } from '../node/session.ts';
import { type Budget, fullBudget, spend } from '../retry/budget.ts';
import type { Classification } from '../retry/classify.ts';
import {
  backoffMs,
  classifyTransaction,
  type Decision,
  decideStatement,
  decideTransaction,
  type FailedAttempt,
  overruled,
  takesToken,
} from '../retry/decide.ts';
import { isNodeFailure } from '../retry/node-failure.ts';
import { isFinal } from '../retry/rules.ts';
import { type RetryVerdict, verdictOf } from '../retry/verdict.ts';
import { isPast } from '../time/deadline.ts';
import { sleep, withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';
import { isWritable } from '../topology/writable.ts';
import { errorOf, failedWork } from './failed-work.ts';
import type { Progress } from './progress.ts';
import { RefusedWrites } from './refused-writes.ts';

/** How often a node is asked, at most every 50 ms, before we deny that its configuration is read-only. */
const LOOKS_BY_DEFAULT = 5;

/** An attempt of a call that failed. */
export interface Attempt {
  readonly error: unknown;
  /** Where it ran. */
  readonly session: Session;
  readonly call: Call;
  readonly progress: Progress;
}

/** An attempt outside a transaction. */
export interface StatementAttempt extends Attempt {
  /** The SQL that was sent. */
  readonly text: string;
  /** May replace the error that the caller gets. Default: the error stays as it is. */
  readonly reworded?: ((error: unknown) => unknown) | undefined;
}

/** A run of a transaction's function that threw {@link Attempt.error} and left nothing permanent. */
export interface TransactionAttempt extends Attempt {
  /** The first error of a statement inside it; the function may have hidden it. */
  readonly firstError: unknown;
  /** Whether the transaction could not write. */
  readonly readOnly: boolean;
  /** Most attempts; default: the cluster's `retry.attempts`. */
  readonly maxAttempts: number | undefined;
}

/** Decides whether failed work is run again, and prepares the next run. */
export class Recovery {
  readonly #herd: Herd;
  /** Explains writes that were refused as read-only. */
  readonly refusedWrites: RefusedWrites;
  #budget: Budget | undefined;

  constructor(herd: Herd) {
    this.#herd = herd;
    this.refusedWrites = new RefusedWrites(herd);
  }

  /**
   * Resolves, after the pause, if work outside a transaction must be run again.
   * @throws the error that the caller gets, if not.
   */
  async recover(attempt: StatementAttempt): Promise<void> {
    const { error, session, call } = attempt;
    const work = failedWork(error, session, call, attempt.text);
    const { classification } = work;
    this.#hint(classification, error, session);
    const failed = {
      ...work,
      ...this.#limits(attempt),
      refusalConfirmed: await this.#isRefusalConfirmed(classification, attempt),
    };
    const decision = decideStatement(failed);
    if (!isFinal(error, 'statement') && (await this.#runsAgain(attempt, 'statement', failed, decision)))
      return;
    if (mayWrite(call)) await this.refusedWrites.explain(error, session.node);
    const { clock } = this.#herd.settings;
    const end = errorOf(error, decision.ending, { session, call, text: attempt.text, clock });
    throw attempt.reworded === undefined ? end : attempt.reworded(end);
  }

  /**
   * Resolves, after the pause, if the transaction's function must be run again.
   * @throws the error of the attempt, if not.
   */
  async recoverTransaction(attempt: TransactionAttempt): Promise<void> {
    const { error, session, readOnly } = attempt;
    if (isFinal(error, 'transaction')) throw error;
    const classification = classifyTransaction(error, attempt.firstError);
    this.#hint(classification, error, session);
    const failed: FailedAttempt = {
      phase: 'in-transaction',
      classification,
      readOnlyConnection: readOnly,
      idempotent: false,
      atomic: true,
      ...this.#limits(attempt, attempt.maxAttempts),
      refusalConfirmed: !readOnly && (await this.#isRefusalConfirmed(classification, attempt)),
    };
    if (await this.#runsAgain(attempt, 'transaction', failed, decideTransaction(failed))) return;
    if (!readOnly) await this.refusedWrites.explain(error, session.node);
    throw error;
  }

  #limits(
    { progress }: Attempt,
    maxAttempts = this.#herd.settings.retry.attempts,
  ): Pick<FailedAttempt, 'attempts' | 'maxAttempts' | 'movedBefore'> {
    return { attempts: progress.attempts, maxAttempts, movedBefore: progress.movedBefore };
  }

  #hint(classification: Classification, error: unknown, session: Session): void {
    const { nodeVerdict } = classification;
    if (isNodeFailure(error, classification)) this.#herd.outliers?.noteFailure(session.node);
    if (nodeVerdict === 'probe') this.#herd.nodes.get(session.node)?.monitor.hint();
  }

  /**
   * Whether the work must be run again: as `advised`, the caller's `retry.isRetryable`, the budget and the
   * call's limits decide. Resolves after the pause.
   */
  async #runsAgain(
    attempt: Attempt,
    work: RetryVerdict['work'],
    failed: FailedAttempt,
    advised: Decision,
  ): Promise<boolean> {
    const { error, session, call, progress } = attempt;
    const { clock, random, retry } = this.#herd.settings;
    const { node } = session;
    const answer = this.#askIsRetryable(error, verdictOf(failed, advised, work, node));
    const { next } = overruled(advised, answer, failed);
    if (next === 'end') return false;
    if (takesToken(next, failed.classification) && !this.#spend()) {
      this.#herd.events.emit('retry:exhausted', { node, error });
      return false;
    }
    const free = next === 'move-free';
    if (free) progress.attempts--;
    if (free || next === 'move') {
      progress.movedBefore = true;
      progress.lostOn.add(node);
    }
    const delayMs = free ? 0 : backoffMs(failed.attempts, retry, random.next());
    if (!free) await sleep(clock, Math.min(delayMs, call.deadline - clock.now()), call.signal);
    if (isPast(call.deadline, clock.now()) || call.signal?.aborted === true) return false;
    const { kind } = failed.classification;
    const again = progress.attempts + 1;
    this.#herd.events.emit('call:retried', { node, attempt: again, error, kind, delayMs });
    return true;
  }

  /**
   * The answer of the caller's hook; `undefined` without a hook. A hook that throws is reported and ignored.
   */
  #askIsRetryable(error: unknown, verdict: RetryVerdict): boolean | undefined {
    const { isRetryable } = this.#herd.settings.retry;
    if (isRetryable === undefined) return undefined;
    try {
      const answer: unknown = isRetryable(error, verdict);
      return typeof answer === 'boolean' ? answer : undefined;
    } catch (failure) {
      const message = `retry.isRetryable threw: ${messageOf(failure)}`;
      this.#herd.events.emit('cluster:warned', { message });
      return undefined;
    }
  }

  /** Whether the budget has a token for an attempt that no failure made necessary. */
  get mayHedge(): boolean {
    return this.#afterSpending().allowed;
  }

  /** Takes a token for such an attempt. */
  noteHedge(): void {
    this.#spend();
  }

  #spend(): boolean {
    const { allowed, budget } = this.#afterSpending();
    this.#budget = budget;
    return allowed;
  }

  #afterSpending(): ReturnType<typeof spend> {
    const { nodes, settings } = this.#herd;
    let answered = 0;
    for (const node of nodes.values()) answered += node.answered;
    const now = settings.clock.now();
    this.#budget ??= fullBudget(settings.retry, now, answered);
    return spend(this.#budget, settings.retry, now, answered);
  }

  /**
   * Asks a node that refused a write as read-only before the refusal counts: the cause may be the caller's
   * own read-only transaction or a setting of its role.
   */
  async #isRefusalConfirmed({ kind }: Classification, { session, call }: Attempt): Promise<boolean> {
    if (kind !== 'read-only' || !mayWrite(call)) return false;
    const runtime = this.#herd.liveNodeOf(session);
    if (runtime === undefined) return false;
    const { handedAt } = session;
    // Each server process reloads a changed configuration by itself: the monitor's may do so a little later.
    const byDefault = session.connection.parameters.get('default_transaction_read_only') === 'on';
    for (let looks = byDefault ? LOOKS_BY_DEFAULT : 1; looks > 0; looks--) {
      if (isPast(call.deadline, this.#herd.settings.clock.now())) return false;
      if (await this.#looksUnwritable(runtime, handedAt, call)) return true;
    }
    return false;
  }

  async #looksUnwritable(runtime: LiveNode, handedAt: number, call: Call): Promise<boolean> {
    const { clock, fencing, probe } = this.#herd.settings;
    const limit = Math.max(1, Math.min(2 * probe.timeoutMs, call.deadline - clock.now()));
    await withLimit(clock, limit, runtime.monitor.probeNow()).catch(() => undefined);
    const description = findNode(this.#herd.topology, runtime.name);
    if (description === undefined || !isWritable(description, fencing)) return true;
    // It is the primary again, but was not for some time after this attempt began.
    return runtime.disposedAt > handedAt;
  }
}
