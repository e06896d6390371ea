import { randomInt } from 'node:crypto';
import type { Socket } from 'node:net';
import { messageOf } from '../errors.ts';
import { resetSocket } from '../reset.ts';
import { bytesOf, type FakeAction, type FakePhase } from './actions.ts';
import { Conversation, type Effect } from './conversation.ts';
import { FrontendStream, type Opening } from './decode.ts';
import { authentication, backendKey, int32, message, parameterStatus, readyForQuery } from './encode.ts';
import { Outlet } from './outlet.ts';
import { demandProof, type FakeAuthentication, type Proof } from './proof.ts';
import { FakeSession } from './session.ts';
import type { FakeState, ProbeRow } from './state.ts';
import type { FakeAnswer, FakeStatement } from './statement.ts';

/** What a connection needs from its postmaster. */
export interface Postmaster {
  readonly state: FakeState;
  readonly authentication: FakeAuthentication;
  readonly respond: FakeResponder | undefined;
  rewriteProbe(row: ProbeRow): ProbeRow;
  /** The fault that strikes here, if one is due. */
  due(
    phase: FakePhase,
    connection: FakeConnection,
    statement: FakeStatement | undefined,
    row: number,
  ): FakeAction | undefined;
  cancel(pid: number, secretKey: number): void;
}

/** Answers statements in a script's way; `undefined` for what is to be answered in the ordinary way. */
export type FakeResponder = (
  statement: FakeStatement,
  connection: FakeConnection,
  signal: AbortSignal,
) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>;

/** One connection of a client, and what it said. */
export class FakeConnection {
  /** Process id and key that the client must show to cancel. */
  readonly pid: number;
  readonly secretKey: number = randomInt(2 ** 31);
  readonly #postmaster: Postmaster;
  readonly #socket: Socket;
  readonly #outlet: Outlet;
  readonly #stream = new FrontendStream();
  readonly #session = new FakeSession();
  readonly #conversation: Conversation;
  readonly #reported = new Map<string, string>();
  #stage: 'opening' | 'proof' | 'ready' = 'opening';
  #proof: Proof | undefined;
  #startup: Readonly<Record<string, string>> = {};
  readonly #statements: FakeStatement[] = [];
  #messages = '';
  #bytesReceived = 0;
  #ended: 'by-client' | 'by-server' | undefined;
  #terminated = false;
  #deaf = false;
  #pumping = false;
  #nextStatus: string | undefined;
  #running: AbortController | undefined;

  /** @internal */
  constructor(pid: number, socket: Socket, postmaster: Postmaster) {
    this.pid = pid;
    this.#socket = socket;
    this.#postmaster = postmaster;
    this.#outlet = new Outlet(socket);
    this.#conversation = new Conversation({
      send: (bytes) => this.#outlet.send(bytes),
      strike: (phase, statement, row) => this.#strike(phase, statement, row),
      perform: (action) => this.act(action),
      note: (statement) => this.#statements.push(statement),
      answer: (statement) => this.#answer(statement),
      fail: () => this.#session.fail(),
      ready: () => this.#ready(),
    });
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => this.#end('by-client'));
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#end('by-client'));
    this.#strike('accept');
  }

  /** Startup parameters as the client sent them: `user`, `database`, `application_name`, … Empty before they came. */
  get startup(): Readonly<Record<string, string>> {
    return this.#startup;
  }

  /** Statements that were to be executed, oldest first. */
  get statements(): readonly FakeStatement[] {
    return this.#statements;
  }

  /** The types of all messages after the startup packet, one letter each: `p` password, `Q`, `P`, `B`, `D`, `E`, `S`, `X`, … */
  get messages(): string {
    return this.#messages;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** Whether the client has said goodbye (Terminate). */
  get terminated(): boolean {
    return this.#terminated;
  }

  /** Whether ReadyForQuery has been sent for the first time. */
  get started(): boolean {
    return this.#stage === 'ready';
  }

  /** Who ended the connection; `undefined` while it is open. */
  get ended(): 'by-client' | 'by-server' | undefined {
    return this.#ended;
  }

  /** Whether a statement waits for its answer. */
  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Does something now, whatever the client is doing. */
  act(action: FakeAction): Effect {
    if (this.#ended !== undefined) return 'gone';
    const bytes = bytesOf(action);
    if (bytes.length > 0) this.#outlet.send(bytes);
    switch (action.kind) {
      case 'error':
        if ((action.severity ?? 'ERROR') === 'ERROR') return 'failed';
        return this.#hangUp();
      case 'close':
      case 'truncated':
        return this.#hangUp();
      case 'reset':
        this.#end('by-server');
        resetSocket(this.#socket);
        return 'gone';
      case 'notice':
        return action.next === undefined ? 'go-on' : this.act(action.next);
      case 'garbage':
        return action.next === undefined ? 'instead' : this.act(action.next);
      case 'length':
      case 'unknown-message':
        return 'instead';
      case 'ready-status':
        this.#nextStatus = action.status;
        return 'go-on';
      case 'silence':
        this.#outlet.limit(0);
        return 'go-on';
      case 'partial':
        this.#outlet.limit(action.bytes);
        return 'go-on';
      case 'deaf':
        this.#deaf = true;
        this.#socket.pause();
        this.#outlet.limit(0);
        return 'go-on';
      default:
        return action satisfies never;
    }
  }

  /** Reads and answers again, beginning with what was kept back. */
  resume(): void {
    this.#deaf = false;
    this.#outlet.open();
    this.#socket.resume();
    void this.#pump();
  }

  /** @internal Cancels the statement that runs, if any. */
  cancel(): void {
    this.#running?.abort();
  }

  /** @internal Ends at once; resolves when the socket is gone. */
  async destroy(): Promise<void> {
    this.#end('by-server');
    if (this.#socket.closed) return;
    const closed = new Promise<void>((resolve) => this.#socket.once('close', () => resolve()));
    this.#socket.destroy();
    await closed;
  }

  #hangUp(): Effect {
    this.#end('by-server');
    this.#outlet.close();
    return 'gone';
  }

  #end(by: 'by-client' | 'by-server'): void {
    this.#ended ??= by;
    this.#running?.abort();
  }

  #onEnd(): void {
    this.#end('by-client');
    this.#socket.end();
  }

  #read(chunk: Buffer): void {
    this.#bytesReceived += chunk.length;
    if (this.#ended !== undefined) return;
    this.#stream.push(chunk);
    void this.#pump();
  }

  /** One message after the other: the next is looked at when the last has been dealt with. */
  async #pump(): Promise<void> {
    if (this.#pumping) return;
    this.#pumping = true;
    try {
      while (this.#ended === undefined && !this.#deaf && (await this.#next()));
    } catch (error) {
      this.act({ kind: 'error', severity: 'FATAL', sqlState: '08P01', message: messageOf(error) });
    } finally {
      this.#pumping = false;
    }
  }

  async #next(): Promise<boolean> {
    if (this.#stage === 'opening') {
      const opening = this.#stream.opening();
      if (opening !== undefined) this.#open(opening);
      return opening !== undefined;
    }
    const next = this.#stream.message();
    if (next === undefined) return false;
    this.#messages += next.type;
    if (next.type === 'X') {
      this.#terminated = true;
      this.#onEnd();
    } else if (this.#stage === 'proof') this.#prove(next.body);
    else await this.#conversation.take(next);
    return true;
  }

  #open(opening: Opening): void {
    switch (opening.kind) {
      case 'ssl-request':
        if (this.#strike('ssl-request') === 'go-on') this.#outlet.send(Buffer.from('N'));
        break;
      case 'gss-request':
        this.#outlet.send(Buffer.from('N'));
        break;
      case 'cancel':
        this.#postmaster.cancel(opening.pid, opening.secretKey);
        this.#hangUp();
        break;
      case 'nonsense':
        this.#hangUp();
        break;
      case 'startup':
        this.#startUp(opening);
        break;
      default:
        opening satisfies never;
    }
  }

  #startUp({ parameters, minor }: Extract<Opening, { kind: 'startup' }>): void {
    this.#startup = Object.freeze({ ...parameters });
    this.#session.begin(parameters);
    this.#stage = 'proof';
    if (this.#strike('startup') !== 'go-on') return;
    if (minor > 0) this.#outlet.send(message('v', int32(0), int32(0)));
    this.#proof = demandProof(this.#postmaster.authentication, parameters['user'] ?? '');
    if (this.#proof.demand === undefined) this.#authenticated();
    else this.#outlet.send(this.#proof.demand);
  }

  #prove(body: Buffer): void {
    if (this.#strike('password') !== 'go-on') return;
    const step = this.#proof?.answer(body) ?? { kind: 'failed' };
    if (step.kind === 'failed') {
      const said = `password authentication failed for user "${this.#startup['user'] ?? ''}"`;
      this.act({ kind: 'error', severity: 'FATAL', sqlState: '28P01', message: said });
      return;
    }
    if (step.reply !== undefined) this.#outlet.send(step.reply);
    if (step.kind === 'proven') this.#authenticated();
  }

  #authenticated(): void {
    this.#outlet.send(authentication(0));
    if (this.#strike('authenticated') !== 'go-on') return;
    this.#reportParameters();
    this.#outlet.send(backendKey(this.pid, this.secretKey));
    if (this.#strike('started') !== 'go-on') return;
    this.#stage = 'ready';
    this.#ready();
  }

  /** Like a real server: a change is reported with the next reply, not when it happens. */
  #reportParameters(): void {
    for (const [name, value] of this.#session.parameters(this.#postmaster.state)) {
      if (this.#reported.get(name) === value) continue;
      this.#reported.set(name, value);
      this.#outlet.send(parameterStatus(name, value));
    }
  }

  #ready(): void {
    this.#reportParameters();
    this.#outlet.send(readyForQuery(this.#nextStatus ?? this.#session.status));
    this.#nextStatus = undefined;
  }

  #strike(phase: FakePhase, statement?: FakeStatement, row = 0): Effect {
    const action = this.#postmaster.due(phase, this, statement, row);
    return action === undefined ? 'go-on' : this.act(action);
  }

  async #answer(statement: FakeStatement): Promise<FakeAnswer> {
    const running = new AbortController();
    this.#running = running;
    const cancelled = new Promise<FakeAnswer>((resolve) => {
      running.signal.addEventListener('abort', () => resolve(CANCELLED), { once: true });
    });
    try {
      return await Promise.race([cancelled, this.#ordered(statement, running.signal)]);
    } finally {
      this.#running = undefined;
    }
  }

  async #ordered(statement: FakeStatement, signal: AbortSignal): Promise<FakeAnswer> {
    const { respond, state } = this.#postmaster;
    const scripted = await respond?.(statement, this, signal);
    if (scripted !== undefined) return scripted;
    const rewriteProbe = (row: ProbeRow): ProbeRow => this.#postmaster.rewriteProbe(row);
    return this.#session.answer(statement, { state, rewriteProbe, signal });
  }
}

const CANCELLED: FakeAnswer = {
  kind: 'error',
  sqlState: '57014',
  message: 'canceling statement due to user request',
};
