import { type Cluster, type LoggedEvents, logEvents, type Off } from 'pgherd';
import type { EventLine, Mark } from '../model/message.ts';
import type { ClusterEventName, LogLevel } from '../model/words.ts';

/** Lines of one event in one sample; of more, only their number is shown. */
const MOST_ALIKE = 3;
/** Lines of one sample. */
const MOST_LINES = 50;
/** Longest text of a line, characters. */
const LONGEST = 600;
const PREFIX = 'pgherd: ';

/** What happened since the sample before. */
export interface Happened {
  readonly lines: readonly EventLine[];
  readonly marks: readonly Mark[];
}

/** Collects what happens in a cluster, in the words of its log: a failover that a thousand calls notice is a few lines. */
export class EventLines {
  #lines: EventLine[] = [];
  #marks: Mark[] = [];
  readonly #counts = new Map<ClusterEventName | null, number>();
  /** The event that is being put into words. */
  #event: { readonly name: ClusterEventName; readonly node: string | null } | undefined;
  readonly #offs: Off[];
  readonly #wallTime: () => number;
  /** Whether there was a primary: what the first look finds, also after a rest, is no failover. */
  #hadPrimary: boolean;

  constructor(db: Pick<Cluster, 'on' | 'topology'>, wallTime: () => number) {
    this.#wallTime = wallTime;
    this.#hadPrimary = db.topology.writable !== undefined;
    this.#offs = [
      db.on('primary:changed', ({ after }) => this.#mark(after ?? null)),
      db.on('cluster:rested', () => {
        this.#hadPrimary = false;
      }),
      logEvents(this.#naming(db), {
        // Routine: each connection that was opened, each hedged read.
        debug: () => undefined,
        info: (text) => this.#add('info', text),
        warn: (text) => this.#add('warn', text),
        error: (text) => this.#add('error', text),
      }),
    ];
  }

  /** What happened since the last call. */
  take(): Happened {
    const lines = this.#lines.map((line) => {
      const more = (this.#counts.get(line.event) ?? 0) - MOST_ALIKE;
      // Said once, with the last line of its event.
      const isLast = this.#lines.findLast(({ event }) => event === line.event) === line;
      return isLast && more > 0 ? { ...line, more } : line;
    });
    const marks = this.#marks;
    this.#lines = [];
    this.#marks = [];
    this.#counts.clear();
    return { lines, marks };
  }

  stop(): void {
    for (const off of this.#offs.splice(0)) off();
  }

  /** The events of the cluster; while one is put into words, its name and node are known here. */
  #naming(db: Pick<Cluster, 'on'>): LoggedEvents {
    return {
      on: (name, fn) =>
        db.on(name, (event) => {
          this.#event = { name, node: nodeOf(event) };
          try {
            fn(event);
          } finally {
            this.#event = undefined;
          }
        }),
    };
  }

  #add(level: LogLevel, text: string): void {
    const { name: event = null, node = null } = this.#event ?? {};
    const count = (this.#counts.get(event) ?? 0) + 1;
    this.#counts.set(event, count);
    if (count > MOST_ALIKE || this.#lines.length >= MOST_LINES) return;
    this.#lines.push({ at: this.#wallTime(), level, event, node, text: shown(text), more: 0 });
  }

  #mark(primary: string | null): void {
    const isChange = this.#hadPrimary;
    this.#hadPrimary ||= primary !== null;
    if (!isChange) return;
    if (this.#marks.length < MOST_LINES) this.#marks.push({ at: this.#wallTime(), primary });
  }
}

function nodeOf(event: object): string | null {
  return 'node' in event && typeof event.node === 'string' ? event.node : null;
}

function shown(text: string): string {
  const line = text.startsWith(PREFIX) ? text.slice(PREFIX.length) : text;
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST)}…`;
}
