import { Fifo } from '../model/fifo.ts';
import {
  BIND_COMPLETE,
  CLOSE_COMPLETE,
  COMMAND_COMPLETE,
  COPY_BOTH_RESPONSE,
  COPY_DATA,
  COPY_DONE,
  COPY_IN_RESPONSE,
  COPY_OUT_RESPONSE,
  DATA_ROW,
  EMPTY_QUERY_RESPONSE,
  ERROR_RESPONSE,
  FAILED_TRANSACTION,
  FUNCTION_CALL_RESPONSE,
  IDLE,
  IN_TRANSACTION,
  NO_DATA,
  NOTICE_RESPONSE,
  NOTIFICATION_RESPONSE,
  nameOfMessage,
  PARAMETER_DESCRIPTION,
  PARAMETER_STATUS,
  PARSE_COMPLETE,
  PORTAL_SUSPENDED,
  READY_FOR_QUERY,
  ROW_DESCRIPTION,
} from '../wire/content/codes.ts';
import { protocolError } from '../wire/content/reader.ts';

/** What the server owes for one message of the guest. */
type Owed = 'parse' | 'bind' | 'describe' | 'execute' | 'close' | 'sync' | 'simple' | 'simple-copy' | 'call';

/** How far the server has come with the first of what it owes. */
type Step =
  | 'fresh'
  | 'described'
  | 'rows'
  | 'copy-in'
  | 'copy-out'
  | 'copied'
  | 'copy-both'
  | 'done'
  | 'failed';

/** First bytes of the guest's messages that the server answers. */
const OWED: ReadonlyMap<number, Owed> = new Map([
  [0x50, 'parse'],
  [0x42, 'bind'],
  [0x44, 'describe'],
  [0x45, 'execute'],
  [0x43, 'close'],
  [0x53, 'sync'],
  [0x51, 'simple'],
  [0x46, 'call'],
]);
/** First bytes of CopyData, CopyDone and CopyFail, which go on with what was begun. */
const COPYING: ReadonlySet<number> = new Set([0x64, 0x63, 0x66]);

/** A client that did not ask for it has no place for the data. */
const BEGINS_COPY: ReadonlySet<number> = new Set([COPY_IN_RESPONSE, COPY_OUT_RESPONSE, COPY_BOTH_RESPONSE]);

/** Whether a message of the guest goes on with what stands before it, whatever that is. */
export function goesOn(type: number): boolean {
  return COPYING.has(type);
}

/**
 * What a guest has asked for and a server has answered, by the kinds of their messages: one message that is impossible where the
 * conversation stands breaks it. Pure but for its own state; no message is kept.
 */
export class Conversation {
  readonly #owed = new Fifo<Owed>();
  #step: Step = 'fresh';
  /** An extended message failed, and the server ignores what comes before the next Sync. */
  #skips = false;
  /** Extended messages were sent, and no Sync behind them. */
  #isOpen = false;
  #status = IDLE;
  /** A statement was prepared that may begin a COPY. */
  #mayCopy = false;

  /** Messages of the guest that are not answered. */
  get size(): number {
    return this.#owed.size;
  }

  /** Whether nothing is under way: neither a statement nor a transaction. */
  get atRest(): boolean {
    return this.#owed.size === 0 && !this.#isOpen && this.#status === IDLE;
  }

  /** Whether everything is answered, in a transaction or outside. */
  get isAnswered(): boolean {
    return this.#owed.size === 0 && !this.#isOpen;
  }

  /** Whether the next message of the guest begins something that the server may as well never see. */
  get isBetween(): boolean {
    return !this.#isOpen;
  }

  /** Takes in the kind of a message that the guest sends, and whether its text may begin a COPY. */
  asked(type: number, mayCopy = false): void {
    const owed = OWED.get(type);
    if (owed === undefined) return;
    if (owed === 'sync') {
      this.#skips = false;
      this.#isOpen = false;
    } else if (owed !== 'simple' && owed !== 'call') this.#isOpen = true;
    if (owed === 'parse' && mayCopy) this.#mayCopy = true;
    if (!this.#skips) this.#owed.push(owed === 'simple' && mayCopy ? 'simple-copy' : owed);
  }

  /**
   * Takes in a message of the server. `status` is the byte of a ReadyForQuery, `isFatal` says that an error ends the session.
   * @throws PgHerdError `PGHERD_PROTOCOL_ERROR` if it is impossible here.
   */
  answered(type: number, status: number, isFatal: boolean): void {
    if (type === NOTICE_RESPONSE || type === PARAMETER_STATUS || type === NOTIFICATION_RESPONSE) return;
    if (type === ERROR_RESPONSE) {
      this.#failed(isFatal);
      return;
    }
    const head = this.#owed.first;
    if (type === READY_FOR_QUERY) {
      this.#ready(head, status);
      return;
    }
    const next = head === undefined ? undefined : this.#after(head, type);
    if (next === undefined) throw impossible(type, head, this.#step);
    if (next === 'settled') this.#settle();
    else this.#step = next;
  }

  #settle(): void {
    this.#owed.shift();
    this.#step = 'fresh';
  }

  #failed(isFatal: boolean): void {
    const head = this.#owed.first;
    if (isFatal) return;
    if (head === undefined || this.#step === 'failed') throw impossible(ERROR_RESPONSE, head, this.#step);
    this.#step = 'failed';
    if (isSimple(head) || head === 'call') return;
    while (this.#owed.first !== undefined && this.#owed.first !== 'sync') this.#owed.shift();
    this.#skips = this.#owed.size === 0;
  }

  #ready(head: Owed | undefined, status: number): void {
    const hasEnded = this.#step === 'done' || this.#step === 'failed';
    const isDue = head === 'sync' || ((isSimple(head) || head === 'call') && hasEnded);
    if (!isDue) throw impossible(READY_FOR_QUERY, head, this.#step);
    if (status !== IDLE && status !== IN_TRANSACTION && status !== FAILED_TRANSACTION)
      throw protocolError(`ReadyForQuery reports the status ${nameOfMessage(status)}`);
    this.#status = status;
    this.#settle();
  }

  /** The next step of `head`; `undefined` if the message is impossible. */
  #after(head: Owed, type: number): Step | 'settled' | undefined {
    switch (head) {
      case 'parse':
        return type === PARSE_COMPLETE ? 'settled' : undefined;
      case 'bind':
        return type === BIND_COMPLETE ? 'settled' : undefined;
      case 'close':
        return type === CLOSE_COMPLETE ? 'settled' : undefined;
      case 'describe':
        if (type === PARAMETER_DESCRIPTION) return this.#step === 'fresh' ? 'described' : undefined;
        return type === ROW_DESCRIPTION || type === NO_DATA ? 'settled' : undefined;
      case 'call':
        return type === FUNCTION_CALL_RESPONSE && this.#step === 'fresh' ? 'done' : undefined;
      case 'execute':
        return BEGINS_COPY.has(type) && !this.#mayCopy ? undefined : this.#afterExecute(type);
      case 'simple':
        return BEGINS_COPY.has(type) ? undefined : this.#afterSimple(type);
      case 'simple-copy':
        return this.#afterSimple(type);
      case 'sync':
        return undefined;
      default:
        return head satisfies never;
    }
  }

  #afterExecute(type: number): Step | 'settled' | undefined {
    const step = this.#step;
    const mayEnd = step === 'fresh' || step === 'rows';
    switch (type) {
      case DATA_ROW:
        return mayEnd ? 'rows' : undefined;
      case COMMAND_COMPLETE:
        return mayEnd || isCopied(step) ? 'settled' : undefined;
      case EMPTY_QUERY_RESPONSE:
        return step === 'fresh' ? 'settled' : undefined;
      case PORTAL_SUSPENDED:
        return mayEnd ? 'settled' : undefined;
      case COPY_IN_RESPONSE:
        if (step === 'fresh') this.#forgetSyncsBehind();
        return step === 'fresh' ? 'copy-in' : undefined;
      default:
        return step === 'fresh' || isCopying(step) ? afterCopy(step, type) : undefined;
    }
  }

  #afterSimple(type: number): Step | undefined {
    const step = this.#step;
    const mayBegin = step === 'fresh' || step === 'done';
    switch (type) {
      case ROW_DESCRIPTION:
        return mayBegin ? 'rows' : undefined;
      case DATA_ROW:
        return step === 'rows' ? 'rows' : undefined;
      case COMMAND_COMPLETE:
        return mayBegin || step === 'rows' || isCopied(step) ? 'done' : undefined;
      case EMPTY_QUERY_RESPONSE:
        return step === 'fresh' ? 'done' : undefined;
      case COPY_IN_RESPONSE:
        return mayBegin ? 'copy-in' : undefined;
      default:
        return mayBegin || isCopying(step) ? afterCopy(step, type) : undefined;
    }
  }

  /** A server that waits for the data of a COPY ignores a Sync. */
  #forgetSyncsBehind(): void {
    const [head, ...others] = this.#owed.takeAll();
    const kept = others.findIndex((owed) => owed !== 'sync');
    if (head !== undefined) this.#owed.push(head);
    if (kept >= 0) for (const owed of others.slice(kept)) this.#owed.push(owed);
    if (kept < 0 && others.length > 0) this.#isOpen = true;
  }
}

function isSimple(owed: Owed | undefined): boolean {
  return owed === 'simple' || owed === 'simple-copy';
}

function isCopied(step: Step): boolean {
  return step === 'copy-in' || step === 'copied' || step === 'copy-both';
}

function isCopying(step: Step): boolean {
  return step === 'copy-out' || step === 'copy-both';
}

function afterCopy(step: Step, type: number): Step | undefined {
  switch (type) {
    case COPY_OUT_RESPONSE:
      return isCopying(step) ? undefined : 'copy-out';
    case COPY_BOTH_RESPONSE:
      return isCopying(step) ? undefined : 'copy-both';
    case COPY_DATA:
      return isCopying(step) ? step : undefined;
    case COPY_DONE:
      return step === 'copy-out' ? 'copied' : step === 'copy-both' ? 'done' : undefined;
    default:
      return undefined;
  }
}

function impossible(type: number, head: Owed | undefined, step: Step): Error {
  const where =
    head === undefined ? 'nothing was asked for' : `it answers "${head}" and has come to "${step}"`;
  return protocolError(`the message ${nameOfMessage(type)} is impossible where ${where}`);
}
