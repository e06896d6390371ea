import type { FakeAction, FakePhase } from './actions.ts';
import { BodyReader, type FrontendMessage, readBind, readParse } from './decode.ts';
import { commandComplete, dataRow, PLAIN, parameterDescription, rowDescription } from './encode.ts';
import {
  type FakeAnswer,
  type FakeResult,
  type FakeStatement,
  isAction,
  parameterOids,
  toResult,
} from './statement.ts';

/** What came of an action: the server goes on, it did that instead, it failed the statement, or the connection is over. */
export type Effect = 'go-on' | 'instead' | 'failed' | 'gone';

/** What a conversation needs from its connection. */
export interface Channel {
  send(bytes: Buffer): void;
  /** Lets a fault strike, if one is due here. */
  strike(phase: FakePhase, statement?: FakeStatement, row?: number): Effect;
  perform(action: FakeAction): Effect;
  /** Takes note of a statement that is to be executed. */
  note(statement: FakeStatement): void;
  answer(statement: FakeStatement): Promise<FakeAnswer>;
  fail(): void;
  /** Parameters that changed, then ReadyForQuery. */
  ready(): void;
}

interface Prepared {
  readonly text: string;
  readonly oids: readonly number[];
}

interface Portal {
  readonly statement: FakeStatement;
  answer: FakeAnswer | undefined;
  /** Rows that were sent already. */
  sent: number;
}

const NO_STATEMENT: FakeAction = {
  kind: 'error',
  sqlState: '26000',
  message: 'prepared statement does not exist',
};
const NO_PORTAL: FakeAction = { kind: 'error', sqlState: '34000', message: 'portal does not exist' };
const NO_BINARY: FakeAction = {
  kind: 'error',
  sqlState: '0A000',
  message: 'a fake postmaster answers in text format only',
};

/** The simple and the extended protocol of one session, message by message, in order. */
export class Conversation {
  readonly #channel: Channel;
  readonly #prepared = new Map<string, Prepared>();
  readonly #portals = new Map<string, Portal>();
  /** After an error of the extended protocol everything is skipped until Sync. */
  #skipping = false;

  constructor(channel: Channel) {
    this.#channel = channel;
  }

  /** Handles one message other than Terminate. */
  async take({ type, body }: FrontendMessage): Promise<void> {
    if (this.#skipping && type !== 'S') return;
    switch (type) {
      case 'Q':
        return this.#query(new BodyReader(body).text());
      case 'P':
        return this.#parse(body);
      case 'B':
        return this.#bind(body);
      case 'D':
        return this.#describe(new BodyReader(body));
      case 'E':
        return this.#execute(new BodyReader(body));
      case 'C':
        return this.#close(new BodyReader(body));
      case 'S':
        return this.#sync();
      case 'H':
        return undefined;
      default:
        this.#channel.perform({
          kind: 'error',
          severity: 'FATAL',
          sqlState: '08P01',
          message: `invalid frontend message type ${type.charCodeAt(0)}`,
        });
    }
  }

  async #query(text: string): Promise<void> {
    const statement: FakeStatement = { text, values: [], name: '', protocol: 'simple', describing: false };
    this.#channel.note(statement);
    const effect = this.#channel.strike('query', statement);
    if (effect === 'gone' || effect === 'instead') return;
    if (effect === 'failed') this.#channel.fail();
    else if (text.trim() === '') this.#channel.send(PLAIN.emptyQuery);
    else if ((await this.#run(statement)) === 'gone') return;
    this.#ready(statement);
  }

  async #run(statement: FakeStatement): Promise<Effect> {
    const answer = await this.#channel.answer(statement);
    let effect: Effect;
    if (isAction(answer)) effect = this.#channel.perform(answer);
    else {
      const result = toResult(answer);
      if (result.columns.length > 0) this.#channel.send(rowDescription(result.columns));
      effect = this.#rows(statement, result, 0, result.rows.length);
      if (effect === 'go-on') effect = this.#complete(statement, result.tag);
    }
    if (effect === 'failed') this.#channel.fail();
    return effect;
  }

  #rows(statement: FakeStatement, result: FakeResult, from: number, to: number): Effect {
    for (let row = from; row < to; row += 1) {
      const effect = this.#channel.strike('row', statement, row);
      if (effect !== 'go-on') return effect;
      this.#channel.send(dataRow(result.rows[row] ?? []));
    }
    return 'go-on';
  }

  #complete(statement: FakeStatement, tag: string): Effect {
    const effect = this.#channel.strike('complete', statement);
    if (effect === 'go-on') this.#channel.send(commandComplete(tag));
    return effect;
  }

  #ready(statement?: FakeStatement): void {
    if (this.#channel.strike('ready', statement) === 'go-on') this.#channel.ready();
  }

  /** Whether the step goes on after `effect`; a failure skips everything up to Sync. */
  #goesOn(effect: Effect): boolean {
    if (effect === 'failed') {
      this.#skipping = true;
      this.#channel.fail();
    }
    return effect === 'go-on';
  }

  #parse(body: Buffer): void {
    const { name, text, oids } = readParse(body);
    const statement = this.#statement(name, { text, oids });
    if (!this.#goesOn(this.#channel.strike('parse', statement))) return;
    this.#prepared.set(name, { text, oids: parameterOids(text, oids) });
    this.#channel.send(PLAIN.parseComplete);
  }

  #statement(name: string, { text }: Prepared): FakeStatement {
    return { text, values: [], name, protocol: 'extended', describing: true };
  }

  #bind(body: Buffer): void {
    const { portal, statement: name, values, wantsBinary } = readBind(body);
    const prepared = this.#prepared.get(name);
    if (prepared === undefined) return void this.#goesOn(this.#channel.perform(NO_STATEMENT));
    if (wantsBinary) return void this.#goesOn(this.#channel.perform(NO_BINARY));
    const statement: FakeStatement = { ...this.#statement(name, prepared), values, describing: false };
    if (!this.#goesOn(this.#channel.strike('bind', statement))) return;
    this.#portals.set(portal, { statement, answer: undefined, sent: 0 });
    this.#channel.send(PLAIN.bindComplete);
  }

  async #describe(reader: BodyReader): Promise<void> {
    const kind = reader.letter();
    const name = reader.text();
    const portal = kind === 'P' ? this.#portals.get(name) : undefined;
    const prepared = this.#prepared.get(name);
    if (kind === 'P' && portal === undefined) return void this.#goesOn(this.#channel.perform(NO_PORTAL));
    if (portal !== undefined) {
      if (!this.#goesOn(this.#channel.strike('describe', portal.statement))) return;
      portal.answer ??= await this.#channel.answer(portal.statement);
      return this.#sendColumns(portal.answer);
    }
    if (prepared === undefined) return void this.#goesOn(this.#channel.perform(NO_STATEMENT));
    const statement = this.#statement(name, prepared);
    if (!this.#goesOn(this.#channel.strike('describe', statement))) return;
    this.#channel.send(parameterDescription(prepared.oids));
    this.#sendColumns(await this.#channel.answer(statement));
  }

  #sendColumns(answer: FakeAnswer): void {
    const columns = isAction(answer) ? [] : toResult(answer).columns;
    this.#channel.send(columns.length > 0 ? rowDescription(columns) : PLAIN.noData);
  }

  async #execute(reader: BodyReader): Promise<void> {
    const portal = this.#portals.get(reader.text());
    const limit = reader.int32();
    if (portal === undefined) return void this.#goesOn(this.#channel.perform(NO_PORTAL));
    const { statement } = portal;
    if (portal.sent === 0) this.#channel.note(statement);
    if (!this.#goesOn(this.#channel.strike('execute', statement))) return;
    if (statement.text.trim() === '') return this.#channel.send(PLAIN.emptyQuery);
    portal.answer ??= await this.#channel.answer(statement);
    if (isAction(portal.answer)) return void this.#goesOn(this.#channel.perform(portal.answer));
    const result = toResult(portal.answer);
    const end = limit > 0 ? Math.min(portal.sent + limit, result.rows.length) : result.rows.length;
    if (!this.#goesOn(this.#rows(statement, result, portal.sent, end))) return;
    portal.sent = end;
    if (end < result.rows.length) this.#channel.send(PLAIN.portalSuspended);
    else this.#goesOn(this.#complete(statement, result.tag));
  }

  #close(reader: BodyReader): void {
    const kind = reader.letter();
    (kind === 'P' ? this.#portals : this.#prepared).delete(reader.text());
    this.#channel.send(PLAIN.closeComplete);
  }

  #sync(): void {
    const last = [...this.#portals.values()].at(-1)?.statement;
    this.#skipping = false;
    this.#portals.clear();
    const effect = this.#channel.strike('sync', last);
    if (effect === 'failed') this.#channel.fail();
    if (effect === 'go-on' || effect === 'failed') this.#ready(last);
  }
}
