import type { Socket } from 'node:net';
import { messageOf } from '../model/errors.ts';
import type { GuestSession } from '../node/guest-session.ts';
import type { Clock } from '../time/port.ts';
import { COPY_DATA, DATA_ROW, FUNCTION_CALL_RESPONSE } from '../wire/content/codes.ts';
import type { ServerError } from '../wire/content/server-error.ts';
import { readsIntoOneBuffer } from '../wire/socket.ts';
import { Conversation, goesOn } from './conversation.ts';
import { Heads, type MayPass } from './heads.ts';
import { asError, lost, lostBetween } from './lost.ts';
import { GOODBYE } from './startup.ts';
import { type Observed, observeMessage } from './tap.ts';

/** Letter and length of a message. */
const HEAD_BYTES = 5;
const TERMINATE = 0x58;
const EMPTY = Buffer.alloc(0);
/** What may be as long as the data of the application are. */
const DATA: ReadonlySet<number> = new Set([DATA_ROW, COPY_DATA, FUNCTION_CALL_RESPONSE]);
/** Longest body of any other message: a server that claims more sends something else than PostgreSQL's protocol. */
const MAX_BYTES = 16 * 1_048_576;
/** Messages of the guest without an answer above which it has to wait. */
const MAX_UNANSWERED = 16_384;
/** Pieces of an answer that are kept back at most. */
const MAX_KEPT = 16;
/** Time a server has to take note of the end before its socket is destroyed, milliseconds. */
const GOODBYE_MS = 1_000;

/** Bytes of the guest that wait, and what is called when they have gone. */
export interface Waiting {
  readonly bytes: Buffer;
  readonly done: (error?: Error | null) => void;
}

/** How a line reaches its guest. */
export interface LinePorts {
  readonly clock: Clock;
  /** Longest message of the server that may pass, bytes. */
  readonly maxMessageBytes: number;
  /** Passes bytes on; returns `false` if the guest wants no more for now. */
  push(bytes: Buffer): boolean;
  /** The line is over; the guest gets the error `at-once`, or when it has read everything. */
  ended(error: Error, when: 'at-once' | 'once-read'): void;
  /** The guest has said goodbye. */
  left(): void;
}

/**
 * The bytes between a guest and its session, from the login to the end. They pass as they are, in whole messages from the server;
 * what they say is observed. `open` until either side, the node or the cluster ends it, then over for good.
 */
export class Line {
  readonly #guest: GuestSession;
  readonly #socket: Socket;
  readonly #ports: LinePorts;
  readonly #heads = new Heads();
  readonly #conversation = new Conversation();
  #isOpen = true;
  /** What the guest wrote and may not pass yet. */
  #waiting: Waiting | undefined;
  #draining: string | undefined;
  #isHeld = false;
  /** What came from a refused write on, while the line is held; `undefined` if everything passes. */
  #kept: Buffer[] | undefined;
  #hasLeft = false;
  /** The server's own word that it ends the session. */
  #ending: ServerError | undefined;
  /** The message that says so, which has not passed yet. */
  #last: Buffer | undefined;
  /** Messages of the server that may pass to the guest, as they stand behind each other. */
  #run: { readonly bytes: Buffer; readonly from: number; to: number } | undefined;

  constructor(guest: GuestSession, ports: LinePorts) {
    this.#guest = guest;
    this.#socket = guest.session.socket;
    this.#ports = ports;
  }

  /** Greets the guest, then lets the bytes pass, with those that it has written already. */
  begin(greeting: Buffer, waiting: Waiting | undefined): void {
    const socket = this.#socket;
    const { cutter } = this.#guest.session;
    this.#waiting = waiting;
    cutter.take = (type, bytes, start, end) => this.#take(type, bytes, start, end);
    const { maxMessageBytes } = this.#ports;
    cutter.limitOf = (type) => (DATA.has(type) ? maxMessageBytes : Math.min(maxMessageBytes, MAX_BYTES));
    socket.on('drain', () => this.#goOn());
    socket.on('error', (error) => this.#lost(error));
    socket.on('end', () => this.#lost()).on('close', () => this.#lost());
    // The guest reads what passes later than it comes.
    const isReused = readsIntoOneBuffer(socket);
    socket.on('data', (chunk: Buffer) =>
      this.#read(() => cutter.read(isReused ? Buffer.from(chunk) : chunk)),
    );
    // The guest may answer at once: by then all of this must stand.
    this.#ports.push(greeting);
    // What came behind the login waits for a turn: a program listens for errors once it has the connection.
    this.#ports.clock.schedule(0, () => {
      this.#read(() => cutter.goOn());
      if (this.#isOpen) socket.resume();
    });
  }

  get node(): string {
    return this.#guest.node;
  }

  setRef(ref: boolean): void {
    if (ref) this.#socket.ref();
    else this.#socket.unref();
  }

  /** The guest has read what it had, and wants more. */
  wantMore(): void {
    this.#socket.resume();
  }

  /** Passes on what the guest writes, as much as may go. The rest waits, and with it the guest. */
  write(bytes: Buffer, done: Waiting['done']): void {
    if (!this.#isOpen) {
      done();
      return;
    }
    try {
      this.#pass(bytes, done);
    } catch (error) {
      done();
      this.#break(asError(error));
    }
  }

  /** Ends as soon as nothing is under way. What the guest begins then is not sent. */
  drain(reason: string): void {
    this.#draining ??= reason;
    this.#endIfDrained();
  }

  /** Ends at once. If nothing is under way, nothing is lost. */
  bury(reason: string): void {
    if (this.#isBetweenTwo) this.#break(lostBetween(this.#guest.node, reason));
    else this.#break(lost(this.#guest.node, `was ended: ${reason}`));
  }

  /**
   * Lets nothing begin, until {@link goOn}. A refusal that comes meanwhile passes then, or right before the end: a library that has it
   * would give the connection to its next caller. It may do so before the server is ready again, which is said in a message of its own.
   */
  hold(): void {
    this.#isHeld = true;
  }

  goOn(): void {
    this.#isHeld = false;
    if (this.#kept !== undefined) this.#socket.resume();
    this.#goOn();
  }

  #break(error: Error): void {
    if (!this.#isOpen) return;
    const hasKept = this.#kept !== undefined;
    this.#passKept();
    this.#end(messageOf(error), false);
    this.#socket.destroy();
    this.#ports.ended(error, hasKept ? 'once-read' : 'at-once');
  }

  /** Whether neither a statement nor a transaction is under way. */
  get #isBetweenTwo(): boolean {
    return this.#conversation.atRest && this.#heads.atEnd;
  }

  /** Whether the line ends now, or may end with the rest of the answer that is kept. */
  get #mayEndSoon(): boolean {
    const isAnswering = !this.#conversation.isAnswered && (this.#kept?.length ?? 0) < MAX_KEPT;
    return this.#draining !== undefined && (isAnswering || this.#isBetweenTwo);
  }

  /** The guest has gone, with or without a goodbye. */
  leave(): void {
    if (!this.#isOpen) return;
    this.#end('the guest ended it', false);
    if (this.#hasLeft || this.#heads.atEnd) this.#sayGoodbye();
    else this.#socket.destroy();
  }

  #pass(bytes: Buffer, done: Waiting['done']): void {
    const socket = this.#socket;
    const { passed, held } = this.#heads.take(bytes, this.#mayPass);
    if (passed.length > 0) socket.write(passed);
    // Nothing more is taken before the socket has sent what it has.
    if (held !== undefined || socket.writableNeedDrain) this.#waiting = { bytes: held ?? EMPTY, done };
    else done();
    if (this.#hasLeft) this.#ports.left();
  }

  readonly #mayPass: MayPass = (type, mayCopy) => {
    const conversation = this.#conversation;
    if (type === TERMINATE) this.#hasLeft = true;
    else if (conversation.isBetween && !goesOn(type) && !this.#mayBegin(1)) return false;
    conversation.asked(type, mayCopy);
    return true;
  };

  /**
   * Whether the guest may begin something: not while the line drains or is held, unless a transaction is open, and not with too much
   * unanswered. `share` makes the limit smaller: one that waits is not woken by every answer.
   */
  #mayBegin(share: number): boolean {
    const { isAnswered, atRest, size } = this.#conversation;
    if (isAnswered) return !(this.#isHeld && atRest);
    return this.#draining === undefined && !this.#isHeld && size < MAX_UNANSWERED * share;
  }

  /** Takes up what waits, if it may pass now. */
  #goOn(): void {
    this.#endIfDrained();
    if (!this.#isHeld && !this.#mayEndSoon) this.#passKept();
    const waiting = this.#waiting;
    if (!this.#isOpen || waiting === undefined || this.#socket.writableNeedDrain) return;
    if (waiting.bytes.length > 0 && !this.#mayBegin(0.5)) return;
    this.#waiting = undefined;
    if (waiting.bytes.length === 0) waiting.done();
    else this.write(waiting.bytes, waiting.done);
  }

  #read(cut: () => void): void {
    if (!this.#isOpen) return;
    let broken: unknown;
    try {
      cut();
    } catch (error) {
      broken = error;
    }
    // What is whole passes, also if something behind it is not.
    this.#flush();
    if (broken !== undefined) this.#break(asError(broken));
    else this.#goOn();
  }

  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    const observed = observeMessage(this.#conversation, type, bytes, start, end);
    if (observed.kind === 'ending') this.#keepLast(bytes.subarray(start - HEAD_BYTES, end));
    else if (this.#run?.bytes === bytes) this.#run.to = end;
    else {
      this.#flush();
      this.#run = { bytes, from: start - HEAD_BYTES, to: end };
    }
    this.#note(observed);
    return this.#isOpen && this.#ending === undefined;
  }

  #note(observed: Observed): void {
    switch (observed.kind) {
      case 'nothing':
        return;
      case 'parameter':
        this.#guest.parameter(observed.name, observed.value);
        return;
      case 'ending':
        this.#ending = observed.error;
        this.#guest.hint();
        return;
      case 'write-refused':
        this.#guest.refused();
        if (this.#isHeld || this.#draining !== undefined) this.#kept ??= [];
        return;
      case 'shutdown':
        this.#guest.hint();
        return;
      default:
        observed satisfies never;
    }
  }

  #flush(): void {
    const run = this.#run;
    this.#run = undefined;
    if (run === undefined || !this.#isOpen) return;
    const bytes = run.bytes.subarray(run.from, run.to);
    const kept = this.#kept;
    kept?.push(bytes);
    // The rest of an answer that is kept belongs to it.
    const wantsMore = kept
      ? !this.#conversation.isAnswered && kept.length < MAX_KEPT
      : this.#ports.push(bytes);
    if (!wantsMore) this.#socket.pause();
  }

  #passKept(): void {
    const kept = this.#kept;
    if (kept === undefined) return;
    this.#kept = undefined;
    if (kept.map((bytes) => this.#ports.push(bytes)).every(Boolean)) this.#socket.resume();
  }

  /**
   * The last message passes in a turn of its own. pg hands a connection to the next caller in the midst of an answer, and that one
   * listens for errors only afterwards: an error behind the answer in one piece would end the process.
   */
  #keepLast(message: Buffer): void {
    this.#flush();
    this.#last = message;
    this.#ports.clock.schedule(0, () => this.#sayLast());
  }

  #sayLast(): void {
    const message = this.#last;
    this.#last = undefined;
    this.#passKept();
    if (message !== undefined && this.#isOpen) this.#ports.push(message);
  }

  /** Ends between two statements. */
  #endIfDrained(): void {
    const reason = this.#draining;
    if (reason === undefined || !this.#isBetweenTwo) return;
    if (this.#kept === undefined) this.#endBetweenTwo(reason);
    else this.#ports.clock.schedule(0, () => this.#endBetweenTwo(reason));
  }

  /** In a turn of its own with what was kept: the guest has the end before its program goes on. */
  #endBetweenTwo(reason: string): void {
    if (!this.#isOpen || !this.#isBetweenTwo) return;
    this.#passKept();
    this.#end(reason, false);
    this.#sayGoodbye();
    this.#ports.ended(lostBetween(this.#guest.node, reason), 'once-read');
  }

  /** The server, or the way to it, ended the connection. */
  #lost(cause?: Error): void {
    if (!this.#isOpen) return;
    this.#sayLast();
    const error =
      this.#ending ??
      lost(this.#guest.node, cause === undefined ? 'was closed' : `was lost: ${messageOf(cause)}`, {}, cause);
    this.#end(messageOf(error), true);
    this.#socket.destroy();
    this.#ports.ended(error, 'once-read');
  }

  #sayGoodbye(): void {
    const socket = this.#socket;
    // The end of the other side is noticed only if the stream is read.
    socket.resume();
    if (this.#hasLeft) socket.end();
    else socket.end(GOODBYE);
    const timer = this.#ports.clock.schedule(GOODBYE_MS, () => socket.destroy(), { ref: false });
    socket.once('close', () => timer.cancel());
  }

  #end(reason: string, byItself: boolean): void {
    this.#isOpen = false;
    this.#guest.ended(reason, byItself);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.done();
  }
}
