import type {
  ConnectionListener,
  DriverConnection,
  DriverCopyIn,
  DriverCopyOut,
  DriverCursor,
  DriverResult,
  PipelinedStatement,
  Traffic,
  TransactionStatus,
} from '../../connection/port.ts';
import { OWN_TYPES, type Statement, type TypeParsers } from '../../model/statement.ts';
import { readStatement, tagChangesSchema, tagChangesSession } from '../../sql/statement.ts';
import { requestCancel } from '../cancel.ts';
import { CallersNames } from '../content/callers-names.ts';
import { NOTICE_RESPONSE, PARAMETER_STATUS } from '../content/codes.ts';
import { type Prepared, PreparedNames, type Schema } from '../content/names.ts';
import { BodyReader, protocolError } from '../content/reader.ts';
import { readMessage, type ServerError } from '../content/server-error.ts';
import { areSteady } from '../content/steady.ts';
import { Writer } from '../content/writer.ts';
import { BatchEntry } from '../entry/batch.ts';
import { startCopyIn, startCopyOut } from '../entry/copy.ts';
import { Cursor } from '../entry/cursor.ts';
import { SimpleEntry } from '../entry/simple.ts';
import { type Settle, SingleEntry, type SingleOwner } from '../entry/single.ts';
import type { OpenedSession } from '../login/open.ts';
import { Channel } from './channel.ts';
import type { ChannelListener, Origin, Shared } from './parts.ts';

/** Most parameters that a server reports, and most bytes of one. */
const MAX_PARAMETERS = 64;
const MAX_PARAMETER_BYTES = 16_384;

/** A connection by pgherd's own wire: the verbs of the port, over a channel of which it is the only owner. */
export class WireConnection implements DriverConnection, ChannelListener {
  readonly remoteAddress: string | undefined;
  readonly backendPid: number | undefined;
  readonly #channel: Channel;
  readonly #names: PreparedNames;
  readonly #schema: Schema;
  /** Whether the open transaction may have changed the schema, which others see when it is committed. */
  #altersSchema = false;
  readonly #origin: Origin;
  readonly #listener: ConnectionListener;
  /** Replaced and never changed once it is shared. */
  #parameters: Map<string, string>;
  #ownParameters = false;
  #dirty = false;
  readonly #callersNames: CallersNames;
  #portals = 0;
  /** For statements that have the connection to themselves; names are the callers' own, or those of their texts. */
  readonly #alone: SingleOwner = {
    alone: true,
    dropName: ({ name, text }, prepared) => {
      if (name === undefined) this.#names.drop(text, prepared);
      else this.#callersNames.drop(name, prepared);
    },
    staleName: (text) => this.#schema.noteStale(text),
    again: ({ statement, settle }, prepared) => {
      this.#alone.dropName(statement, prepared);
      this.#sendAlone(statement, settle, prepared);
    },
  };
  /** For statements behind each other; names are those of their texts. */
  readonly #shared: SingleOwner = {
    alone: false,
    dropName: ({ text }, prepared) => this.#names.drop(text, prepared),
    staleName: (text) => this.#schema.noteStale(text),
    // Without a name: whether that of before was the reason shows if it succeeds now.
    again: ({ statement, settle }, prepared, isGone) => {
      if (isGone) this.#names.drop(statement.text, prepared);
      new SingleEntry(this.#channel, statement, settle, this.#shared, undefined, prepared).send();
    },
  };

  constructor(origin: Origin, listener: ConnectionListener, shared: Shared) {
    const { socket, login, parameters } = origin;
    this.#origin = origin;
    this.#listener = listener;
    this.#parameters = parameters;
    // A socket forgets its peer when it is destroyed.
    this.remoteAddress = socket.remoteAddress;
    this.backendPid = login.processId;
    this.#schema = shared.schema;
    this.#names = new PreparedNames(shared.hashes, shared.schema);
    this.#callersNames = new CallersNames(shared.schema, this.#names);
    const writer = new Writer(shared.slabs);
    const parts = { socket, cutter: login.cutter, writer, names: this.#names, types: shared.types };
    this.#channel = new Channel(parts, this);
  }

  /** From now on the end of the connection is news. */
  begin(): void {
    this.#channel.begin();
  }

  get parameters(): ReadonlyMap<string, string> {
    return this.#parameters;
  }

  get status(): TransactionStatus {
    return this.#channel.status;
  }

  get traffic(): Traffic {
    return this.#channel.traffic;
  }

  get dirty(): boolean {
    return this.#dirty;
  }

  get closed(): boolean {
    return this.#channel.isClosed;
  }

  query(statement: Statement, prepare = false): Promise<DriverResult> {
    return this.#whenAlone((resolve, reject) => {
      const settle: Settle = {
        answered: (rows, rowCount, fields, command) => resolve({ rows, rowCount, fields, command }),
        failed: reject,
      };
      this.noteText(statement.text);
      if (prepare && statement.name === undefined && !this.#dirty) this.#sendNamed(statement, settle);
      else this.#sendAlone(statement, settle);
    });
  }

  simple(text: string): Promise<DriverResult> {
    return this.#simple(text, OWN_TYPES);
  }

  script(text: string): Promise<DriverResult> {
    return this.#simple(text, this.#channel.types);
  }

  readonly pipeline = (one: PipelinedStatement): void => {
    const loss = this.#channel.loss();
    if (loss === undefined) this.#sendShared(one);
    else one.failed(loss);
  };

  batch(statements: readonly Statement[], prepare = false): Promise<DriverResult[]> {
    if (statements.length === 0) return Promise.resolve([]);
    return this.#whenAlone((resolve, reject) => {
      for (const { text } of statements) this.noteText(text);
      if (prepare && !this.#dirty) this.#sendNamedBatch(statements, resolve, reject);
      else new BatchEntry(this.#channel, statements, resolve, reject, this.#alone).send();
    });
  }

  cursor(statement: Statement): DriverCursor {
    return new Cursor(this.#channel, statement, `pgherd_${++this.#portals}`);
  }

  copyIn(text: string): Promise<DriverCopyIn> {
    return startCopyIn(this.#channel, text);
  }

  copyOut(text: string): Promise<DriverCopyOut> {
    return startCopyOut(this.#channel, text);
  }

  async cancel(signal: AbortSignal): Promise<void> {
    const { processId, secretKey } = this.#origin.login;
    if (processId === undefined || secretKey === undefined) throw new Error('the server gave no key');
    await requestCancel(
      { ...this.#origin.way, remoteAddress: this.remoteAddress, processId, secretKey },
      signal,
    );
  }

  async reset(): Promise<void> {
    await this.simple('DISCARD ALL');
    this.#names.clear();
    this.#callersNames.clear();
    this.#dirty = false;
  }

  markClean(): void {
    this.#dirty = false;
  }

  /**
   * Gives up the session and its socket, which is paused: as they were after the login, but for what the session has been asked since.
   * `undefined` unless it is at rest and unchanged.
   */
  giveUp(): OpenedSession | undefined {
    if (this.#dirty || !this.#channel.leave()) return undefined;
    const { login, way, socket } = this.#origin;
    socket.ref();
    const { request, attempt } = way;
    return { session: { ...login, parameters: this.#parameters, socket, attempt }, request };
  }

  setRef(ref: boolean): void {
    if (ref) this.#origin.socket.ref();
    else this.#origin.socket.unref();
  }

  end(): Promise<void> {
    return this.#channel.end();
  }

  destroy(): void {
    this.#channel.destroy();
  }

  /** Takes note of a text, which may change the session. */
  noteText(text: string): void {
    if (!this.#dirty && readStatement(text).changesSession) this.#dirty = true;
  }

  /** Takes note of a command tag, which may say that the session was changed, or the schema. */
  noteTag(tag: string): void {
    if (tagChangesSession(tag)) this.#dirty = true;
    this.noteSchema(tag);
  }

  noteSchema(tag: string): void {
    if (tagChangesSchema(tag)) this.#altersSchema = true;
    else if (!this.#altersSchema || tag !== 'COMMIT') return;
    else this.#altersSchema = false;
    this.#schema.changed();
  }

  aside(type: number, bytes: Buffer, start: number, end: number): void {
    if (type === NOTICE_RESPONSE) {
      const { message, fields, severity } = readMessage(bytes, start, end);
      const { code = '00000', routine } = fields;
      this.#listener.message({ severity, sqlState: code, message, routine });
      return;
    }
    const reader = new BodyReader(bytes, start, end);
    if (type === PARAMETER_STATUS) {
      const name = reader.cstring();
      const value = reader.cstring();
      reader.finish('ParameterStatus');
      this.#setParameter(name, value);
      this.#listener.parameter(name, value);
      return;
    }
    const processId = reader.int32();
    const channel = reader.cstring();
    const payload = reader.cstring();
    reader.finish('NotificationResponse');
    this.#listener.notification?.({ channel, payload, processId });
  }

  ending({ severity = 'FATAL', code = '', message, routine }: ServerError): void {
    this.#listener.message({ severity, sqlState: code, message, routine });
  }

  gone(reason: unknown): void {
    this.#listener.closed(reason);
  }

  #setParameter(name: string, value: string): void {
    if (this.#parameters.get(name) === value) return;
    if (!this.#ownParameters) this.#parameters = new Map(this.#parameters);
    this.#ownParameters = true;
    this.#parameters.set(name, value);
    if (name.length + value.length > MAX_PARAMETER_BYTES || this.#parameters.size > MAX_PARAMETERS)
      throw protocolError(
        `it reports more than ${MAX_PARAMETERS} parameters, or one of more than ${MAX_PARAMETER_BYTES} bytes`,
      );
  }

  #whenAlone<T>(start: (resolve: (value: T) => void, reject: (error: unknown) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#channel.whenIdle(() => {
        try {
          start(resolve, reject);
        } catch (error) {
          reject(error);
          this.#channel.next();
        }
      }, reject);
    });
  }

  #simple(text: string, types: TypeParsers): Promise<DriverResult> {
    return this.#whenAlone((resolve, reject) =>
      new SimpleEntry(this.#channel, types, resolve, reject).send(text),
    );
  }

  #sendAlone(statement: Statement, settle: Settle, before?: Prepared): void {
    const { name, text } = statement;
    const named = name === undefined ? undefined : this.#callersNames.preparedAs(name, text);
    new SingleEntry(this.#channel, statement, settle, this.#alone, named, before).send();
  }

  #sendShared(one: PipelinedStatement): void {
    const prepared = one.prepare ? this.#nameFor(one.statement) : undefined;
    try {
      new SingleEntry(this.#channel, one.statement, one, this.#shared, prepared).send();
    } catch (error) {
      this.#dropUnsent(one.statement, prepared);
      throw error;
    }
  }

  #sendNamed(statement: Statement, settle: Settle): void {
    const prepared = this.#nameFor(statement);
    try {
      new SingleEntry(this.#channel, statement, settle, this.#alone, prepared).send();
    } catch (error) {
      this.#dropUnsent(statement, prepared);
      throw error;
    }
  }

  #sendNamedBatch(
    statements: readonly Statement[],
    resolve: (results: DriverResult[]) => void,
    reject: (error: unknown) => void,
  ): void {
    const names = statements.map((statement) => this.#nameFor(statement));
    try {
      new BatchEntry(this.#channel, statements, resolve, reject, this.#alone, names).send();
    } catch (error) {
      for (const [index, statement] of statements.entries()) this.#dropUnsent(statement, names[index]);
      throw error;
    }
  }

  /**
   * The name by which pgherd sends a text, known or new; `undefined` if it may have none now: while one is being parsed no other
   * statement may rely on it, since its failure would be theirs for a wrong reason.
   */
  #nameFor({ text, values }: Statement): Prepared | undefined {
    const known = this.#names.find(text);
    if (known === undefined) return this.#names.add(text);
    // With another number of values the server's error would name a statement that the caller does not know.
    const fits = (values?.length ?? 0) === known.parameters.length;
    return known.columns !== undefined && fits && areSteady(values, known.parameters) ? known : undefined;
  }

  /** Nothing was written: a name that was taken for it is free again. */
  #dropUnsent({ text }: Statement, prepared: Prepared | undefined): void {
    if (prepared?.columns === undefined && prepared !== undefined) this.#names.drop(text, prepared);
  }
}
