import type { FakeStatus } from './encode.ts';
import { type FakeState, type ProbeRow, parametersOf, probeColumns } from './state.ts';
import type { FakeAnswer, FakeStatement } from './statement.ts';

/** What an ordinary answer depends on besides the statement. */
export interface AnswerContext {
  readonly state: FakeState;
  /** Changes the row that a probe gets. */
  readonly rewriteProbe: (row: ProbeRow) => ProbeRow;
  /** Ends when the statement is cancelled or its connection is gone. */
  readonly signal: AbortSignal;
}

const WRITES: ReadonlySet<string> = new Set([
  'INSERT',
  'UPDATE',
  'DELETE',
  'MERGE',
  'TRUNCATE',
  'CREATE',
  'ALTER',
  'DROP',
]);
const READS: ReadonlySet<string> = new Set(['SELECT', 'VALUES', 'TABLE', 'WITH']);
const ENDS: ReadonlySet<string> = new Set(['COMMIT', 'END', 'ROLLBACK', 'ABORT']);

/** What a session keeps: its transaction, and `default_transaction_read_only`. There is no SQL engine behind it. */
export class FakeSession {
  status: FakeStatus = 'I';
  #readOnly: boolean | undefined;
  #initialReadOnly: boolean | undefined;
  #transactionReadOnly: boolean | undefined;

  /** Takes in the startup parameters. */
  begin(parameters: Readonly<Record<string, string>>): void {
    const inOptions = /default_transaction_read_only=(\w+)/.exec(parameters['options'] ?? '')?.[1];
    const value = parameters['default_transaction_read_only'] ?? inOptions;
    this.#initialReadOnly = value === undefined ? undefined : value === 'on';
    this.#readOnly = this.#initialReadOnly;
  }

  /** `default_transaction_read_only` of this session. */
  readOnly(state: FakeState): boolean {
    return this.#readOnly ?? state.facts.defaultReadOnly;
  }

  /** The session's ParameterStatus as of now. */
  parameters(state: FakeState): ReadonlyMap<string, string> {
    return parametersOf(state.facts, this.readOnly(state));
  }

  /** A statement failed: an open transaction with it. */
  fail(): void {
    if (this.status === 'T') this.status = 'E';
  }

  /** What a server would answer, as far as possible without knowing SQL. */
  async answer(statement: FakeStatement, context: AnswerContext): Promise<FakeAnswer> {
    const words = statement.text
      .trim()
      .toUpperCase()
      .split(/[^A-Z_]+/, 3);
    const [word = ''] = words;
    if (this.status === 'E' && !ENDS.has(word)) {
      const message = 'current transaction is aborted, commands ignored until end of transaction block';
      return { kind: 'error', sqlState: '25P02', message };
    }
    if (READS.has(word)) return this.#read(statement.text, context);
    if (WRITES.has(word)) return this.#write(word, words[1] ?? '', context.state);
    if (statement.describing) return { tag: word };
    if (word === 'DO') return this.#longPoll(statement.text, context);
    if (word === 'SHOW') return this.#show(statement.text, context.state);
    return this.#control(word, statement.text);
  }

  #read(text: string, { state, rewriteProbe }: AnswerContext): FakeAnswer {
    this.#setByFunction(text);
    if (!/ as in_recovery\b/i.test(text)) return { rows: [{ '?column?': 1 }] };
    const known = probeColumns(state.facts, this.readOnly(state));
    const names = [...text.matchAll(/\bas ([a-z_]+)\s*(?:,|$)/gi)].map((match) => match[1] ?? '');
    const row = rewriteProbe(Object.fromEntries(names.map((name) => [name, known[name] ?? null])));
    const columns = Object.keys(row).map((name) => ({ name, oid: 25 }));
    return { rows: [row], columns };
  }

  #write(word: string, object: string, state: FakeState): FakeAnswer {
    const readOnly = this.#transactionReadOnly ?? this.readOnly(state);
    if (state.facts.role === 'standby' || readOnly) {
      const message = `cannot execute ${word} in a read-only transaction`;
      return { kind: 'error', sqlState: '25006', message, routine: 'PreventCommandIfReadOnly' };
    }
    if (word === 'INSERT') return { tag: 'INSERT 0 1' };
    return { tag: ['UPDATE', 'DELETE', 'MERGE'].includes(word) ? `${word} 1` : `${word} ${object}` };
  }

  /** A block that waits for the end of the recovery is the only one that does anything. */
  async #longPoll(text: string, { state, signal }: AnswerContext): Promise<FakeAnswer> {
    const bound = /interval '(\d+) milliseconds'/.exec(text)?.[1];
    if (/pg_is_in_recovery\(\)/.test(text) && bound !== undefined) {
      await state.untilPromoted(Number(bound), signal);
    }
    return { tag: 'DO' };
  }

  #show(text: string, state: FakeState): FakeAnswer {
    const name = /^\s*show\s+(\w+)/i.exec(text)?.[1] ?? '';
    const value = this.parameters(state).get(name);
    if (value !== undefined) return { rows: [{ [name]: value }], tag: 'SHOW' };
    const message = `unrecognized configuration parameter "${name}"`;
    return { kind: 'error', sqlState: '42704', message };
  }

  #control(word: string, text: string): FakeAnswer {
    switch (word) {
      case 'BEGIN':
      case 'START':
        this.status = 'T';
        this.#transactionReadOnly = readOnlyIn(text);
        return { tag: 'BEGIN' };
      case 'COMMIT':
      case 'END':
      case 'ROLLBACK':
      case 'ABORT':
        return this.#end(word, text);
      case 'SET':
        this.#set(text);
        return { tag: 'SET' };
      case 'DISCARD':
      case 'RESET':
        this.#readOnly = this.#initialReadOnly;
        return { tag: word === 'DISCARD' ? 'DISCARD ALL' : word };
      default:
        return { tag: word };
    }
  }

  #end(word: string, text: string): FakeAnswer {
    const failed = this.status === 'E';
    const toSavepoint = /\bto\b/i.test(text);
    this.status = toSavepoint ? 'T' : 'I';
    if (!toSavepoint) this.#transactionReadOnly = undefined;
    const commits = (word === 'COMMIT' || word === 'END') && !failed;
    return { tag: commits ? 'COMMIT' : 'ROLLBACK' };
  }

  /** `set_config` says the same as SET. */
  #setByFunction(text: string): void {
    const value = /\bset_config\(\s*'default_transaction_read_only'\s*,\s*'(\w+)'/i.exec(text)?.[1];
    if (value !== undefined) this.#readOnly = value.toLowerCase() === 'on';
  }

  #set(text: string): void {
    const value = /default_transaction_read_only\s*(?:=|to)\s*'?(\w+)/i.exec(text)?.[1];
    if (value !== undefined) this.#readOnly = value.toLowerCase() === 'on';
    else if (/^\s*set\s+transaction\b/i.test(text)) {
      this.#transactionReadOnly = readOnlyIn(text) ?? this.#transactionReadOnly;
    }
  }
}

function readOnlyIn(text: string): boolean | undefined {
  if (/read\s+only/i.test(text)) return true;
  return /read\s+write/i.test(text) ? false : undefined;
}
