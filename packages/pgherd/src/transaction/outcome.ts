import type { Call } from '../call/call.ts';
import type { Engine } from '../engine/engine.ts';
import { messageOf } from '../model/errors.ts';
import type { Row } from '../model/statement.ts';
import type { Ask } from '../monitor/connection.ts';
import type { Session } from '../node/session.ts';
import { type OutcomeOptions, outcomeTableName } from '../options/outcome-options.ts';
import { classifyError } from '../retry/classify.ts';
import { type CommitReport, decideCommit } from '../retry/commit-outcome.ts';
import { KIND_RULES } from '../retry/rules.ts';
import { quoteLiteral } from '../sql/quote.ts';
import { type Deadline, earliest } from '../time/deadline.ts';
import { sleep, withLimit } from '../time/wait.ts';
import { findNode } from '../topology/topology.ts';

/** Pauses between two questions, milliseconds: the first, and the longest. */
const FIRST_PAUSE_MS = 5;
const LONGEST_PAUSE_MS = 100;
/** SQL that identifies a run of the server: the start of its postmaster, to the microsecond. */
const STARTED =
  '(extract(epoch from pg_catalog.pg_postmaster_start_time()) * 1000000)::pg_catalog.int8::pg_catalog.text';

/** Facts about a transaction, read before COMMIT is sent, that reveal its outcome afterwards. */
export interface Witness {
  readonly node: string;
  /** Number of the transaction, 64 bits, decimal. */
  readonly xid: string;
  /** Process of the server that runs it. */
  readonly pid: string;
  /** When that server's postmaster started. */
  readonly startedAt: string;
  /** Table and key of the row that the transaction wrote; `undefined` without a table. */
  readonly row: { readonly table: string; readonly key: string } | undefined;
}

/** The outcome of a COMMIT that was not answered. */
export type CommitOutcome =
  | { readonly kind: 'committed' | 'not-committed' }
  | { readonly kind: 'unknown'; readonly why: string };

/** Statement sent with BEGIN that returns the witness; `undefined` if the options do not ask for one. */
export function witnessText(options: OutcomeOptions): string | undefined {
  const facts = `pg_catalog.pg_current_xact_id()::pg_catalog.text as xid,
    pg_catalog.pg_backend_pid()::pg_catalog.text as pid, ${STARTED} as started`;
  const table = outcomeTableName(options.outcomeTable);
  if (table !== undefined)
    return `insert into ${table} default values returning key::pg_catalog.text as key, ${facts}`;
  return options.outcome === 'xid' ? `select ${facts}` : undefined;
}

/** The witness in the answer to {@link witnessText}. */
export function readWitness(
  node: string,
  row: Row | undefined,
  options: OutcomeOptions,
): Witness | undefined {
  const [xid, pid, startedAt] = ['xid', 'pid', 'started'].map((name) => digits(row?.[name]));
  if (xid === undefined || pid === undefined || startedAt === undefined) return undefined;
  const key = row?.['key'];
  const table = outcomeTableName(options.outcomeTable);
  const kept = typeof key === 'string' && table !== undefined ? { table, key } : undefined;
  return Object.freeze({ node, xid, pid, startedAt, row: kept });
}

function digits(value: unknown): string | undefined {
  return typeof value === 'string' && /^[0-9]{1,20}$/.test(value) ? value : undefined;
}

/**
 * A session of the same server that was open before COMMIT was sent: the monitor's. As long as it answers,
 * the server has not been restarted, and a transaction number still means the same transaction.
 */
export function survivorOf(engine: Engine, node: string): Ask | undefined {
  return engine.herd.nodes.get(node)?.monitor.ask;
}

/** Finds out the outcome of a COMMIT that was sent but not answered, until the call's deadline. */
export async function findOutcome(
  engine: Engine,
  call: Call,
  witness: Witness,
  survivor: Ask | undefined,
): Promise<CommitOutcome> {
  const { clock, waitTimeoutMs } = engine.herd.settings;
  const until = earliest(call.deadline, clock.now() + waitTimeoutMs);
  const inquiry = new Inquiry(engine, { ...call, deadline: until }, witness);
  return witness.row === undefined ? inquiry.askSurvivor(survivor) : inquiry.askTable(witness.row);
}

class Inquiry {
  readonly #engine: Engine;
  readonly #call: Call;
  readonly #witness: Witness;
  #pauseMs = FIRST_PAUSE_MS;

  constructor(engine: Engine, call: Call, witness: Witness) {
    this.#engine = engine;
    this.#call = call;
    this.#witness = witness;
  }

  get #deadline(): Deadline {
    return this.#call.deadline;
  }

  /** Asks the session that was open before COMMIT, until its answer is final. */
  async askSurvivor(survivor: Ask | undefined): Promise<CommitOutcome> {
    if (survivor === undefined)
      return unknown('no other session of that server was open when COMMIT was sent');
    let terminated = false;
    while (this.#isTimeLeft()) {
      let report: CommitReport;
      try {
        report = await this.#report(survivor);
      } catch (error) {
        return unknown(`the session that was open before COMMIT did not answer: ${messageOf(error)}`);
      }
      const step = decideCommit(report, terminated);
      switch (step) {
        case 'committed':
        case 'not-committed':
          return { kind: step };
        case 'confirm':
          return this.#confirm();
        case 'terminate':
          terminated = true;
          await this.#ask(survivor, terminateText(this.#witness)).catch(() => undefined);
          break;
        case 'wait':
          await this.#pause();
          break;
        case 'unknown':
          return unknown(
            'the server is not the one that COMMIT was sent to, or has forgotten the transaction',
          );
        default:
          return step satisfies never;
      }
    }
    return unknown('the transaction was still in progress when it was last checked');
  }

  async #report(survivor: Ask): Promise<CommitReport> {
    const row = await this.#ask(survivor, reportText(this.#witness));
    const node = findNode(this.#engine.herd.topology, this.#witness.node);
    const status = row?.['status'];
    return {
      sameServer: row?.['started'] === this.#witness.startedAt,
      believed: node?.standing === 'current' && node.role !== 'standby' && row?.['in_recovery'] === 'false',
      status: status === 'committed' || status === 'aborted' || status === 'in progress' ? status : undefined,
      synchronous: row?.['standby_names'] !== '',
      waitsForStandby: row?.['wait_event'] === 'SyncRep',
    };
  }

  async #ask(survivor: Ask, text: string): Promise<Row | undefined> {
    const { clock } = this.#engine.herd.settings;
    const { rows } = await withLimit(clock, Math.max(1, this.#deadline - clock.now()), survivor(text));
    return rows[0];
  }

  /**
   * Commits after the transaction in question: the log is replicated in order, so a standby that confirms the
   * later commit has the earlier one.
   */
  async #confirm(): Promise<CommitOutcome> {
    const { demand } = this.#call;
    const call: Call = {
      ...this.#call,
      access: 'read-write',
      demand: { ...demand, node: this.#witness.node },
    };
    let session: Session | undefined;
    try {
      session = await this.#engine.acquire(call);
      const text = `select pg_catalog.pg_logical_emit_message(true, 'pgherd', 'outcome'), ${STARTED} as started`;
      const { rows } = await this.#engine.send(session, text, call);
      if (session.committedLocallyOnly) return unknown('no synchronous standby has confirmed it');
      if (rows[0]?.['started'] === this.#witness.startedAt) return { kind: 'committed' };
      return unknown('the server was restarted before a synchronous standby had confirmed it');
    } catch (error) {
      return unknown(
        `it is committed on ${this.#witness.node}, and no synchronous standby confirmed it: ${messageOf(error)}`,
      );
    } finally {
      if (session !== undefined) this.#engine.release(session);
    }
  }

  /**
   * Writes the same key again on the current primary. If the transaction's row is there, it is committed; if
   * our row is inserted, it never will be. This may be repeated: the two rows differ in `committed`.
   */
  async askTable(row: NonNullable<Witness['row']>): Promise<CommitOutcome> {
    const call: Call = { ...this.#call, access: 'read-write', demand: { target: 'read-write' } };
    let why = 'there was no time left to ask';
    while (this.#isTimeLeft()) {
      let session: Session | undefined;
      try {
        session = await this.#engine.acquire(call);
        // This may fail: the next statement waits until the transaction has ended.
        await this.#engine.send(session, terminateText(this.#witness), call).catch(() => undefined);
        const { rows } = await this.#engine.send(session, settleText(row), call);
        if (session.committedLocallyOnly)
          return unknown('no synchronous standby has confirmed what was found');
        const committed = rows[0]?.['committed'];
        if (committed === 'true' || committed === 'false')
          return { kind: committed === 'true' ? 'committed' : 'not-committed' };
        return unknown(`the table ${row.table} returned no outcome`);
      } catch (error) {
        why = messageOf(error);
        const { kind, severity } = classifyError(error);
        if (severity === 'ERROR' && KIND_RULES[kind].askAgain !== true) break;
      } finally {
        if (session !== undefined) this.#engine.release(session);
      }
      await this.#pause();
    }
    return unknown(`the table ${row.table} could not be queried: ${why}`);
  }

  #isTimeLeft(): boolean {
    const { herd } = this.#engine;
    return (
      !herd.isClosed && this.#call.signal?.aborted !== true && herd.settings.clock.now() < this.#deadline
    );
  }

  async #pause(): Promise<void> {
    const { clock } = this.#engine.herd.settings;
    const ms = Math.max(0, Math.min(this.#pauseMs, this.#deadline - clock.now()));
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS);
    await sleep(clock, ms, this.#call.signal);
  }
}

function reportText({ xid, pid }: Witness): string {
  return `select pg_catalog.pg_xact_status('${xid}'::pg_catalog.xid8) as status, ${STARTED} as started,
    pg_catalog.pg_is_in_recovery()::pg_catalog.text as in_recovery,
    pg_catalog.current_setting('synchronous_standby_names') as standby_names,
    (select wait_event from pg_catalog.pg_stat_activity
      where pid = ${pid} and backend_xid::pg_catalog.text = '${shortXid(xid)}') as wait_event`;
}

/**
 * Ends the transaction's process if it still runs this transaction, on this server, and awaits no standby.
 */
function terminateText({ xid, pid, startedAt }: Witness): string {
  return `select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity
    where pid = ${pid} and backend_xid::pg_catalog.text = '${shortXid(xid)}'
      and wait_event is distinct from 'SyncRep' and ${STARTED} = '${startedAt}'`;
}

/** Always writes, so that its commit waits for the synchronous standbys, after the transaction's commit. */
function settleText({ table, key }: NonNullable<Witness['row']>): string {
  return `insert into ${table} as kept (key, committed) values (${quoteLiteral(key)}, false)
    on conflict (key) do update set at = kept.at returning committed::pg_catalog.text as committed`;
}

/** `pg_stat_activity` shows the lower half of the number. */
function shortXid(xid: string): string {
  return String(BigInt(xid) & 0xffff_ffffn);
}

function unknown(why: string): CommitOutcome {
  return { kind: 'unknown', why };
}
