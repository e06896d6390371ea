import { channel } from 'node:diagnostics_channel';
import type { Clock, Cluster, QueryMessage, Timer } from 'pgherd';
import type { EventLine, Frame, Mark, Message, Point } from '../model/message.ts';
import { columnsOf } from './columns.ts';
import { Durations } from './durations.ts';
import { EventLines } from './event-lines.ts';
import { frameOf } from './frame.ts';
import { type Counted, countedAt, pointOf } from './point.ts';
import { Ring } from './ring.ts';
import { ServerLooks } from './server-figures.ts';

/** How a cluster is sampled. */
export interface SamplerSettings {
  readonly clock: Clock;
  readonly sampleMs: number;
  readonly historyMs: number;
  readonly serverFigures: boolean;
}

/** What is kept of a sampler besides points: lines of the log, and changes of the primary. */
const MOST_LINES = 300;
const MOST_MARKS = 100;
/** A call that carries rows until its caller is done with them says nothing of the servers. */
const TIMED: readonly QueryMessage['verb'][] = ['query', 'batch'];
const QUERY_ENDED = 'tracing:pgherd:query:asyncEnd';

/**
 * Looks at a cluster once in a while, whether or not there is a viewer, and keeps the last of what it saw: figures for the plots, and what
 * happened. While there are viewers (`isWatched`) it counts as a use of the cluster, which therefore does not rest, and asks the servers if it
 * is to.
 */
export class Sampler {
  readonly #db: Cluster;
  readonly #settings: SamplerSettings;
  readonly #durations = new Durations();
  readonly #points: Ring<Point>;
  readonly #lines = new Ring<EventLine>(MOST_LINES);
  readonly #marks = new Ring<Mark>(MOST_MARKS);
  readonly #events: EventLines;
  readonly #looks: ServerLooks;
  #counted: Counted | undefined;
  #timer: Timer | undefined;
  #sample = 0;
  #hasWarned = false;
  #frame: { readonly sample: number; readonly frame: Frame } | undefined;
  /** Set by what has viewers. */
  isWatched: () => boolean = () => false;
  /** Called after each sample. */
  onSample: () => void = () => undefined;

  constructor(db: Cluster, settings: SamplerSettings) {
    this.#db = db;
    this.#settings = settings;
    const { clock, historyMs, sampleMs } = settings;
    this.#points = new Ring(Math.ceil(historyMs / sampleMs));
    this.#events = new EventLines(db, () => clock.wallTime());
    this.#looks = new ServerLooks(db, () => clock.now());
    channel(QUERY_ENDED).subscribe(this.#onQuery);
    this.#take();
    this.#schedule();
  }

  /** The number of the last sample. */
  get sample(): number {
    return this.#sample;
  }

  /** What a viewer gets that has everything up to a sample; `undefined`: that has nothing. Without `hello`. */
  messageAfter(sample: number | undefined): Message {
    const after = sample ?? 0;
    return {
      frame: this.#currentFrame(),
      columns: columnsOf(this.#points.after(after)),
      events: this.#lines.after(after),
      marks: this.#marks.after(after),
    };
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#events.stop();
    channel(QUERY_ENDED).unsubscribe(this.#onQuery);
  }

  readonly #onQuery = (message: unknown): void => {
    const { cluster, verb, durationMs } = message as QueryMessage;
    if (cluster === this.#db.tracedAs && durationMs !== undefined && TIMED.includes(verb))
      this.#durations.add(durationMs);
  };

  #schedule(): void {
    const { clock, sampleMs } = this.#settings;
    const next = (): void => {
      this.#timer = clock.schedule(sampleMs, next, { ref: false });
      try {
        this.#take();
        this.onSample();
      } catch (error) {
        this.#warn(error);
      }
    };
    this.#timer = clock.schedule(sampleMs, next, { ref: false });
  }

  /** A fault of the dashboard's own ends no application; it is said once. */
  #warn(error: unknown): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    const why = error instanceof Error ? error.message : String(error);
    process.emitWarning(`A sample of the dashboard has failed: ${why}`, { code: 'PGHERD_DASHBOARD' });
  }

  #take(): void {
    const { clock, serverFigures } = this.#settings;
    this.#sample++;
    const stats = this.#db.stats();
    const counted = countedAt(clock.now(), stats);
    const point = pointOf({
      at: clock.wallTime(),
      topology: this.#db.topology,
      stats,
      counted,
      before: this.#counted,
      percentiles: this.#durations.take(),
      servers: this.#looks.figures,
    });
    this.#counted = counted;
    this.#points.add(this.#sample, point);
    const { lines, marks } = this.#events.take();
    for (const line of lines) this.#lines.add(this.#sample, line);
    for (const mark of marks) this.#marks.add(this.#sample, mark);
    if (serverFigures && this.#db.isOpen && this.isWatched()) this.#looks.look();
  }

  /** The state of the cluster, made once for each sample. */
  #currentFrame(): Frame {
    if (this.#frame?.sample === this.#sample) return this.#frame.frame;
    const frame = frameOf({
      at: this.#settings.clock.wallTime(),
      topology: this.#db.topology,
      stats: this.#db.stats(),
      health: this.#db.isOpen ? this.#db.health() : undefined,
      servers: this.#looks.figures,
    });
    this.#frame = { sample: this.#sample, frame };
    return frame;
  }
}
