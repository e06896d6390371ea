import { startCall } from '../call/call.ts';
import { abortedError, closedError } from '../call/failures.ts';
import type { Herd } from '../herd/herd.ts';
import { messageOf, PgHerdError } from '../model/errors.ts';
import { assertChannel } from '../query/querier.ts';
import type { Demand } from '../routing/select.ts';
import { watchdog } from '../time/watchdog.ts';
import { ListenLink, whyNotListen } from './connection.ts';
import type {
  ListenGap,
  NotificationListener,
  ReceivedNotification,
  SubscribeOptions,
  Subscription,
} from './listen.ts';

/** Shortest and longest pause before the next attempt to connect, milliseconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** Longer than anybody waits, milliseconds. */
const KEEP_ALIVE_MS = 2_147_483_647;

interface Subscriber {
  readonly channel: string;
  readonly fn: NotificationListener;
  readonly onGap: SubscribeOptions['onGap'];
  /** Whether the server has ever been told of it: only then can it miss anything. */
  established: boolean;
  /** Set while somebody waits for the first LISTEN. */
  waiter: { resolve(): void; reject(error: unknown): void } | undefined;
}

interface Loss {
  readonly from: number;
  readonly reason: string;
}

/**
 * All subscriptions of a cluster, on one connection to the primary, outside the pool. It is `idle` without subscriptions;
 * else one loop runs: it finds the primary, connects, says LISTEN for every channel, tells who may have missed something,
 * and begins again when the connection or the primary is lost.
 */
export class ListenHub<C> {
  readonly #herd: Herd<C>;
  readonly #channels = new Map<string, Set<Subscriber>>();
  #link: ListenLink | undefined;
  #loss: Loss | undefined;
  /** Came after a loss, before anybody was told of it. */
  #early: ReceivedNotification[] = [];
  #running = false;
  #closed = new AbortController();
  #lastError: unknown;
  #lastNode: string | undefined;
  /** One exchange with the server at a time. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(herd: Herd<C>) {
    this.#herd = herd;
  }

  /** Subscribes; resolves once the server was told. */
  async listen(
    channel: string,
    fn: NotificationListener,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    this.#assertPossible(channel, fn, options);
    const subscriber: Subscriber = {
      channel,
      fn,
      onGap: options.onGap,
      established: false,
      waiter: undefined,
    };
    const subscribers = this.#channels.get(channel) ?? new Set();
    this.#channels.set(channel, subscribers.add(subscriber));
    try {
      await this.#established(subscriber, options);
    } catch (error) {
      void this.#remove(subscriber);
      throw error;
    }
    return this.#face(subscriber, options.signal);
  }

  /** Ends everything; nothing is called any more. */
  close(): void {
    this.#closed.abort(closedError());
    const all = [...this.#channels.values()].flatMap((subscribers) => [...subscribers]);
    this.#channels.clear();
    for (const { waiter } of all) waiter?.reject(closedError());
    this.#link?.leave('the cluster was closed');
  }

  #assertPossible(channel: string, fn: NotificationListener, { signal, timeoutMs }: SubscribeOptions): void {
    assertChannel(channel);
    if (typeof fn !== 'function') {
      throw new PgHerdError('PGHERD_INVALID_ARGUMENT', 'listen needs a function that is called.');
    }
    if (timeoutMs !== undefined && !(timeoutMs > 0)) {
      const sentence = `timeoutMs is ${String(timeoutMs)}, but must be a number of ms above 0.`;
      throw new PgHerdError('PGHERD_INVALID_ARGUMENT', sentence, { details: { argument: 'timeoutMs' } });
    }
    const { driver } = this.#herd.settings;
    if (this.#closed.signal.aborted || this.#herd.isClosed) throw closedError();
    if (signal?.aborted) throw abortedError(signal);
    if (driver.capabilities.notifications === true) return;
    throw new PgHerdError(
      'PGHERD_UNSUPPORTED',
      `The driver ${driver.name} does not tell of notifications. Use the driver pg.`,
    );
  }

  #face(subscriber: Subscriber, signal: AbortSignal | undefined): Subscription {
    const isActive = () => this.#channels.get(subscriber.channel)?.has(subscriber) === true;
    const unlisten = () => {
      signal?.removeEventListener('abort', onAbort);
      return this.#remove(subscriber);
    };
    const onAbort = () => void unlisten();
    const node = () => (isActive() && this.#link?.hears(subscriber.channel) ? this.#link.node : undefined);
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted) onAbort();
    return Object.freeze({
      channel: subscriber.channel,
      get isActive() {
        return isActive();
      },
      get node() {
        return node();
      },
      unlisten,
      [Symbol.asyncDispose]: unlisten,
    });
  }

  /** Waits until the server was told, at most as long as the options allow. */
  #established(subscriber: Subscriber, { timeoutMs, signal }: SubscribeOptions): Promise<void> {
    const { clock, waitTimeoutMs } = this.#herd.settings;
    return new Promise<void>((resolve, reject) => {
      const settle = (fn: () => void) => {
        if (subscriber.waiter === undefined) return;
        subscriber.waiter = undefined;
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
        fn();
      };
      const onAbort = () => settle(() => reject(abortedError(signal)));
      const limit = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, waitTimeoutMs);
      const timer = watchdog(clock, limit, (waitedMs) =>
        settle(() => reject(this.#inVain(waitedMs, limit === timeoutMs))),
      );
      signal?.addEventListener('abort', onAbort, { once: true });
      subscriber.waiter = { resolve: () => settle(resolve), reject: (error) => settle(() => reject(error)) };
      if (this.#running) void this.#sync();
      else void this.#run();
    });
  }

  #inVain(waitedMs: number, own: boolean): PgHerdError {
    const refusals = new Map<string, string>();
    if (this.#lastNode !== undefined && this.#lastError !== undefined) {
      const { message } = this.#lastError as { message?: unknown };
      refusals.set(this.#lastNode, String(message));
    }
    const error = this.#herd.noNodeError(this.#demand(), waitedMs, refusals);
    if (!own) return error;
    const sentence = `Nothing could be listened to within ${Math.round(waitedMs)} ms (timeoutMs). ${error.message}`;
    return new PgHerdError('PGHERD_TIMEOUT', sentence, { cause: error });
  }

  #demand(): Demand {
    const { settings } = this.#herd;
    return startCall({ target: 'read-write' }, settings, settings.clock.now(), settings.random).demand;
  }

  async #remove(subscriber: Subscriber): Promise<void> {
    const subscribers = this.#channels.get(subscriber.channel);
    if (subscribers?.delete(subscriber) !== true) return;
    if (subscribers.size === 0) this.#channels.delete(subscriber.channel);
    if (this.#channels.size === 0) this.#link?.leave('nobody listens any more');
    else await this.#sync();
  }

  async #run(): Promise<void> {
    this.#running = true;
    const { clock } = this.#herd.settings;
    // Between two connections nothing else would keep the process alive, for which somebody waits.
    const keepAlive = clock.schedule(KEEP_ALIVE_MS, () => undefined);
    const off = this.#herd.events.on('topology:changed', ({ after }) => {
      const reason = this.#link === undefined ? undefined : whyNotListen(after, this.#link.node);
      if (reason !== undefined) this.#link?.close(reason);
    });
    let pauseMs = FIRST_PAUSE_MS;
    while (this.#channels.size > 0) {
      const served = await this.#serve();
      pauseMs = served ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      if (this.#channels.size > 0) await this.#pause(pauseMs);
    }
    off();
    keepAlive.cancel();
    this.#loss = undefined;
    this.#early = [];
    this.#running = false;
  }

  /** One connection from its beginning to its end; whether it came to listen. */
  async #serve(): Promise<boolean> {
    let link: ListenLink | undefined;
    try {
      link = await this.#connect();
      if (link === undefined) return false;
      this.#link = link;
      await this.#sync();
    } catch (error) {
      this.#lastError = error;
      if (isFinal(error)) this.#refuseWaiters(error);
    }
    if (link === undefined) return false;
    const { node } = link;
    const listened = link.isOpen;
    const reason = await link.ended;
    this.#link = undefined;
    if (listened) {
      this.#loss ??= { from: link.completeUntil, reason };
      if (this.#channels.size > 0) this.#herd.events.emit('listen:lost', { node, reason });
    }
    return listened;
  }

  async #connect(): Promise<ListenLink | undefined> {
    const herd = this.#herd;
    herd.start();
    herd.assertReachable();
    const name = herd.select(this.#demand()).tiers[0]?.[0]?.name;
    const runtime = name === undefined ? undefined : herd.nodes.get(name);
    if (runtime === undefined) return undefined;
    const { clock, connectTimeoutMs, deadAfterMs } = herd.settings;
    this.#lastNode = runtime.name;
    const abort = new AbortController();
    const onClose = () => abort.abort(closedError());
    this.#closed.signal.addEventListener('abort', onClose, { once: true });
    const timer = watchdog(clock, connectTimeoutMs, (waitedMs) => {
      const sentence = `${runtime.name} gave no connection within ${Math.round(waitedMs)} ms (connectTimeoutMs).`;
      abort.abort(new PgHerdError('PGHERD_CONNECT_TIMEOUT', sentence, { details: { node: runtime.name } }));
    });
    try {
      return await ListenLink.open(
        {
          node: runtime.name,
          clock,
          heartbeatMs: deadAfterMs,
          connect: (listener, signal) => runtime.connectListener(listener, signal),
          notified: (notification) => this.#notified(notification),
        },
        abort.signal,
      );
    } finally {
      timer.cancel();
      this.#closed.signal.removeEventListener('abort', onClose);
    }
  }

  /** Tells the server which channels are wanted, and everybody whose channel is heard. */
  #sync(): Promise<void> {
    const turn = this.#turn.then(async () => {
      const link = this.#link;
      if (link === undefined || !link.isOpen) return;
      await link.listenTo(new Set(this.#channels.keys()));
      this.#tellHeard(link);
    });
    this.#turn = turn.catch(() => undefined);
    return turn.catch((error: unknown) => {
      this.#lastError = error;
    });
  }

  #tellHeard(link: ListenLink): void {
    const heard = [...this.#channels].filter(([channel]) => link.hears(channel));
    const loss = this.#loss;
    if (heard.length > 0) this.#loss = undefined;
    for (const [channel, subscribers] of heard) {
      if (loss !== undefined) this.#tellGap(channel, [...subscribers], loss, link.node);
      for (const subscriber of subscribers) {
        subscriber.established = true;
        subscriber.waiter?.resolve();
      }
    }
    if (this.#loss === undefined) for (const one of this.#early.splice(0)) this.#notified(one);
  }

  #tellGap(channel: string, subscribers: readonly Subscriber[], loss: Loss, node: string): void {
    const missed = subscribers.filter(({ established }) => established);
    if (missed.length === 0) return;
    const { clock } = this.#herd.settings;
    const gap: ListenGap = Object.freeze({
      channel,
      from: new Date(loss.from),
      to: new Date(clock.wallTime()),
      reason: loss.reason,
      node,
    });
    this.#herd.events.emit('listen:gap', gap);
    for (const { onGap } of missed) this.#call(() => onGap?.(gap), `onGap of "${channel}"`);
  }

  #notified(notification: ReceivedNotification): void {
    const subscribers = this.#channels.get(notification.channel);
    if (subscribers === undefined) return;
    if (this.#loss !== undefined) {
      this.#early.push(notification);
      return;
    }
    for (const subscriber of [...subscribers]) {
      if (!subscribers.has(subscriber)) continue;
      const { fn } = subscriber;
      this.#call(() => fn(notification.payload, notification), `listener of "${notification.channel}"`);
    }
  }

  /** What a listener throws is its own affair. */
  #call(fn: () => unknown, what: string): void {
    const report = (error: unknown) => {
      const why = messageOf(error);
      try {
        this.#herd.settings.logger.error(`pgherd: the ${what} threw: ${why}`);
      } catch {
        // The logger is broken as well: there is nobody left to tell.
      }
    };
    try {
      const result = fn();
      if (result instanceof Promise) result.catch(report);
    } catch (error) {
      report(error);
    }
  }

  #refuseWaiters(error: unknown): void {
    for (const subscribers of this.#channels.values()) {
      for (const { waiter } of subscribers) waiter?.reject(error);
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#herd.settings;
    const until = clock.now() + ms;
    await this.#herd.changed(until, this.#closed.signal, this.#demand()).catch(() => undefined);
  }
}

/** Errors that no later attempt would be without. */
function isFinal(error: unknown): boolean {
  return error instanceof PgHerdError && FINAL.has(error.code);
}

const FINAL: ReadonlySet<string> = new Set([
  'PGHERD_UNSUPPORTED',
  'PGHERD_CLOSED',
  'PGHERD_AUTHENTICATION_FAILED',
  'PGHERD_DRIVER_MISSING',
]);
