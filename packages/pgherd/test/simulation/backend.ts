import type { DriverResult, ServerMessage, TransactionStatus } from '../../src/connection/port.ts';
import { activityRows } from './activity.ts';
import {
  type Parameter,
  result,
  type ServerSays,
  SimServerError,
  SimSystemError,
  type Startup,
} from './messages.ts';
import type { Wire } from './network.ts';
import { asksControlFile, type Parsed, parse, probeRow } from './sql.ts';
import type { Activity, ServerView } from './surroundings.ts';

/** Part of the statements that take far longer than the others. */
const USUALLY_SLOW = 0.01;

/** A statement on its way. */
export interface SentStatement {
  readonly text: string;
  readonly values: readonly unknown[];
}

interface OpenTransaction {
  readOnly: boolean;
  failed: boolean;
  readonly inserts: string[];
  readonly savepoints: number[];
}

/** How the server says that it gave up waiting for its synchronous standby. */
const SYNC_ROUTINE = 'SyncRepWaitForLSN';

/** One session on a server: it takes one statement after the other, and dies with its server's life. */
export class Backend {
  readonly server: ServerView;
  readonly wire: Wire;
  readonly startup: Startup;
  /** Process ID. */
  readonly pid: number;
  readonly #startedAt: number;
  /** When it last began or ended a statement. */
  #changedAt: number;
  /** Hears what the session says, at the client. */
  hear: (says: ServerSays) => void = () => undefined;
  #queue: SentStatement[] = [];
  #busy = false;
  #closed = false;
  /** Whether the client is gone, which a running statement does not notice. */
  #left = false;
  /** Tells what was done, unless the process dies before. */
  #unsaid: (() => void) | undefined;
  /** What the session itself says of it; it goes before the server's setting. */
  #ownReadOnly: boolean | undefined;
  #transaction: OpenTransaction | undefined;
  #told = new Map<string, string>();
  /** Set while it waits for a synchronous standby. */
  #syncWait: { readonly stop: () => void; readonly giveUp: () => void } | undefined;

  constructor(server: ServerView, wire: Wire, startup: Startup) {
    this.pid = server.nextPid();
    this.#startedAt = server.surroundings.loop.now;
    this.#changedAt = this.#startedAt;
    this.server = server;
    this.wire = wire;
    this.startup = startup;
    this.#ownReadOnly = startup.readOnly ? true : undefined;
  }

  get #readOnly(): boolean {
    return this.#ownReadOnly ?? this.server.readOnlyDefault;
  }

  /** What `pg_stat_activity` shows of it. */
  get activity(): Activity {
    const { pid } = this;
    const [startedAt, changedAt, isBusy] = [this.#startedAt, this.#changedAt, this.#busy];
    return { pid, startedAt, changedAt, isBusy, isInTransaction: this.#transaction !== undefined };
  }

  get isWaitingForStandby(): boolean {
    return this.#syncWait !== undefined;
  }

  ready(): void {
    const version = this.server.surroundings.traits.reportsRole ? '18.4' : '13.20';
    this.#say({ kind: 'ready', parameters: [['server_version', version], ...this.#changedParameters()] });
  }

  /** Ends before it began; without an error nobody listens on the port. */
  refuse(error: SimServerError | undefined): void {
    this.#finish(error ?? new SimSystemError('ECONNREFUSED', 'connect ECONNREFUSED'));
  }

  /** A statement arrived. */
  receive(statement: SentStatement): void {
    if (this.#closed) {
      this.#reset();
      return;
    }
    this.#queue.push(statement);
    this.#next();
  }

  /** The client said goodbye, or its socket was reset. The server looks at its socket only between two statements. */
  leave(): void {
    if (this.#closed || this.#left) return;
    this.#left = true;
    this.#queue = [];
    if (!this.#busy) this.server.later(0, () => this.#finish(undefined));
  }

  /** `pg_terminate_backend`, or a fast shutdown. */
  terminate(): void {
    if (this.#closed) return;
    this.#unsaid?.();
    if (this.#syncWait !== undefined) {
      this.warn('57P01', SYNC_ROUTINE);
      this.#finish(undefined);
      return;
    }
    this.#finish(new SimServerError('FATAL', '57P01', 'terminating connection due to administrator command'));
  }

  /** `pg_cancel_backend` while it waits for its standby: committed here, and said to be done. */
  cancelSyncWait(): void {
    const wait = this.#syncWait;
    if (wait === undefined) return;
    this.warn('01000', SYNC_ROUTINE);
    wait.giveUp();
  }

  /** A warning that the server sends by itself. */
  warn(sqlState: string, routine: string | undefined): void {
    const message: ServerMessage = { severity: 'WARNING', sqlState, message: 'a warning', routine };
    this.#say({ kind: 'message', message });
  }

  /** The network kills the connection: both sides are told. */
  cutOff(): void {
    if (this.#closed) return;
    this.#reset();
    this.#forget();
  }

  /** The process is gone. The kernel of a host that lives closes its sockets. */
  vanish(hostLives: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#syncWait?.stop();
    if (hostLives) this.#reset();
  }

  #finish(error: Error | undefined): void {
    if (this.#closed) return;
    this.#say({ kind: 'closed', error });
    this.#forget();
  }

  #forget(): void {
    this.#closed = true;
    this.#syncWait?.stop();
    this.#syncWait = undefined;
    this.server.backends.delete(this);
  }

  #reset(): void {
    if (this.server.state === 'lost') return;
    const { dice } = this.server.surroundings;
    const error = dice.chance(0.5) ? new SimSystemError('ECONNRESET', 'read ECONNRESET') : undefined;
    this.#say({ kind: 'closed', error });
  }

  #say(says: ServerSays): void {
    this.server.link.toClient(this.wire, () => this.hear(says));
  }

  #next(): void {
    if (this.#busy || this.#closed) return;
    const statement = this.#queue.shift();
    if (statement === undefined) return;
    this.#busy = true;
    this.#changedAt = this.server.surroundings.loop.now;
    const { dice, traits } = this.server.surroundings;
    const slow = dice.chance(traits.slowStatements ?? USUALLY_SLOW) ? dice.between(10, 150) : 0;
    this.server.later(dice.between(0.05, 0.6) + slow, () => {
      if (!this.#closed) this.#execute(statement);
    });
  }

  #answer(outcome: DriverResult | SimServerError): void {
    if (outcome instanceof SimServerError && this.#transaction !== undefined) this.#transaction.failed = true;
    const say = () => {
      this.#unsaid = undefined;
      const parameters = this.#changedParameters();
      this.#say({ kind: 'reply', parameters, outcome, status: this.#status() });
    };
    this.#unsaid = say;
    // What was done and what is told of it are two things: a crash may come between them.
    this.server.later(this.server.surroundings.dice.between(0.02, 0.3), () => {
      if (this.#closed) return;
      this.#unsaid?.();
      this.#busy = false;
      this.#changedAt = this.server.surroundings.loop.now;
      if (this.#left) this.#finish(undefined);
      else this.#next();
    });
  }

  #status(): TransactionStatus {
    if (this.#transaction === undefined) return 'idle';
    return this.#transaction.failed ? 'failed' : 'in-transaction';
  }

  /** ParameterStatus comes with a reply, and only when a value has changed. */
  #changedParameters(): Parameter[] {
    if (!this.server.surroundings.traits.reportsRole) return [];
    const changed: Parameter[] = [];
    const tell = (name: string, value: string) => {
      if (this.#told.get(name) === value) return;
      this.#told.set(name, value);
      changed.push([name, value]);
    };
    tell('in_hot_standby', this.server.inRecovery ? 'on' : 'off');
    tell('default_transaction_read_only', this.#readOnly ? 'on' : 'off');
    return changed;
  }

  #execute(statement: SentStatement): void {
    const parsed = parse(statement.text);
    if (this.#transaction?.failed === true && !ENDS_FAILED.has(parsed.kind)) {
      this.#answer(new SimServerError('ERROR', '25P02', 'current transaction is aborted'));
      return;
    }
    switch (parsed.kind) {
      case 'long-poll':
        this.#longPoll(parsed.boundMs);
        return;
      case 'commit':
        this.#commit();
        return;
      case 'insert':
        this.#insert(String(statement.values[0]));
        return;
      case 'sleep':
        this.server.later(Number(statement.values[0]), () => {
          if (!this.#closed) this.#answer(result('SELECT', [{ pg_sleep: '' }]));
        });
        return;
      default:
        this.#answer(this.#atOnce(parsed, statement.text));
    }
  }

  #atOnce(parsed: Parsed, text: string): DriverResult | SimServerError {
    const transaction = this.#transaction;
    switch (parsed.kind) {
      case 'start':
      case 'probe':
        if (asksControlFile(text) && !this.server.surroundings.traits.controlFile) {
          return new SimServerError('ERROR', '42501', 'permission denied for function pg_control_system');
        }
        return result('SELECT', [probeRow(text, this.server, this.#readOnly)]);
      case 'begin':
        this.#transaction = {
          readOnly: parsed.readOnly ?? this.#readOnly,
          failed: false,
          inserts: [],
          savepoints: [],
        };
        return result('BEGIN', [], null);
      case 'rollback':
        this.#transaction = undefined;
        return result('ROLLBACK', [], null);
      case 'savepoint':
        transaction?.savepoints.push(transaction.inserts.length);
        return result('SAVEPOINT', [], null);
      case 'release':
        transaction?.savepoints.pop();
        return result('RELEASE', [], null);
      case 'rollback-to':
        if (transaction !== undefined) {
          transaction.inserts.length = transaction.savepoints.pop() ?? 0;
          transaction.failed = false;
        }
        return result('ROLLBACK', [], null);
      case 'set-read-only':
        this.#ownReadOnly = parsed.on;
        return result('SET', [], null);
      case 'transaction-read-only':
        if (transaction !== undefined) transaction.readOnly = true;
        return result('SET', [], null);
      case 'discard':
        this.#ownReadOnly = this.startup.readOnly ? true : undefined;
        return result('DISCARD ALL', [], null);
      case 'set-name':
        return result('SET', [], null);
      case 'standby-waits':
        return result('SELECT', [{ names: '', pids: null, waited: null }]);
      case 'read-only-setting':
        return result('SELECT', []);
      case 'slots':
        return result('SELECT', [{ backends: '1', slots: '97' }]);
      case 'failing':
        return new SimServerError('ERROR', '22012', 'division by zero');
      case 'look':
      case 'end-backends':
        return result('SELECT', activityRows(parsed, this.server));
      case 'own-pid':
        return result('SELECT', [{ pid: String(this.pid) }]);
      case 'lock-wait':
        return result('SELECT', []);
      case 'select':
        return result('SELECT', [{ server: this.server.name }]);
      default:
        return new SimServerError('ERROR', '42601', `no server of the simulation knows: ${text}`);
    }
  }

  #longPoll(boundMs: number): void {
    const { server } = this;
    if (!server.surroundings.traits.plpgsql) {
      this.#answer(new SimServerError('ERROR', '42704', 'language "plpgsql" does not exist'));
      return;
    }
    let answered = false;
    const end = (ms: number) =>
      server.later(ms, () => {
        if (answered || this.#closed) return;
        answered = true;
        this.#answer(result('DO', [], null));
      });
    if (server.inRecovery) server.onPromoted.push(() => end(server.surroundings.dice.between(0, 10)));
    end(server.inRecovery ? boundMs : 0);
  }

  #insert(id: string): void {
    const transaction = this.#transaction;
    if (this.server.inRecovery || (transaction?.readOnly ?? this.#readOnly)) {
      this.#answer(new SimServerError('ERROR', '25006', 'cannot execute INSERT in a read-only transaction'));
      return;
    }
    if (transaction === undefined) {
      this.#makePermanent([id], result('INSERT', [], 1));
      return;
    }
    transaction.inserts.push(id);
    this.#answer(result('INSERT', [], 1));
  }

  #commit(): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    if (transaction === undefined || transaction.failed) this.#answer(result('ROLLBACK', [], null));
    else if (transaction.inserts.length === 0) this.#answer(result('COMMIT', [], null));
    else this.#makePermanent(transaction.inserts, result('COMMIT', [], null));
  }

  #makePermanent(ids: readonly string[], answer: DriverResult): void {
    const { server } = this;
    const length = server.commit(ids);
    server.surroundings.ledger.executed(ids, server);
    if (!server.surroundings.synchronous) {
      this.#answer(answer);
      return;
    }
    const done = () => {
      this.#syncWait = undefined;
      if (!this.#closed) this.#answer(answer);
    };
    const stop = server.whenConfirmed(length, done);
    const giveUp = () => {
      stop();
      done();
    };
    this.#syncWait = { stop, giveUp };
  }
}

const ENDS_FAILED: ReadonlySet<string> = new Set(['rollback', 'rollback-to', 'commit']);
