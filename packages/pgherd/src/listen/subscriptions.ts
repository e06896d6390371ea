import { prepareCall } from '../call/call.ts';
import { abortedError, closedError } from '../call/failures.ts';
import { assertLimits } from '../call/limits.ts';
import { withinConnectTimeout } from '../dial/connect-timeout.ts';
import type { Herd } from '../herd/herd.ts';
import { argumentError, messageOf, PgHerdError } from '../model/errors.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import { assertNoCallback, assertOptions, optionNames } from '../model/option-names.ts';
import { assertChannel } from '../query/querier.ts';
import { isFinal } from '../retry/rules.ts';
import type { Demand } from '../routing/select.ts';
import { Serial } from '../time/serial.ts';
import { onAbort } from '../time/wait.ts';
import { watchdog } from '../time/watchdog.ts';
import { Channels, type Subscriber } from './channels.ts';
import { reasonToLeave, SubscriptionConnection, type SubscriptionConnectionPorts } from './connection.ts';
import type { NotificationListener, SubscribeOptions, Subscription } from './listen.ts';

const SUBSCRIBE_OPTIONS = optionNames<SubscribeOptions>({ onGap: true, timeoutMs: true, signal: true });

/** Shortest and longest pause before the next attempt to connect, milliseconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** The longest time for which a timer can be set, milliseconds. */
const KEEP_ALIVE_MS = 2_147_483_647;

/**
 * All subscriptions of a cluster, on one connection to the primary, outside the pool. Without subscriptions
 * nothing runs; otherwise one loop does: it finds the primary, connects, sends LISTEN for every channel,
 * reports the gaps, and begins again when the connection or the primary is lost.
 */
export class Subscriptions {
  readonly #herd: Herd;
  readonly #channels: Channels;
  readonly #closed = new AbortController();
  /** LISTEN and UNLISTEN are sent by one exchange at a time. */
  readonly #exchanges = new Serial();
  #connection: SubscriptionConnection | undefined;
  #running = false;
  #lastError: unknown;
  #lastNode: string | undefined;

  constructor(herd: Herd) {
    this.#herd = herd;
    const { clock, logger } = herd.settings;
    herd.rest.keepAwake(() => this.#running);
    this.#channels = new Channels({ clock, logger, gap: (gap) => herd.events.emit('listen:gap', gap) });
  }

  /** Subscribes; resolves once the server listens. */
  async listen(
    channel: string,
    fn: NotificationListener,
    options: SubscribeOptions = {},
  ): Promise<Subscription> {
    this.#assertPossible(channel, fn, options);
    const { onGap } = options;
    const subscriber: Subscriber = { channel, fn, onGap, established: false, waiter: undefined };
    this.#channels.add(subscriber);
    try {
      await this.#untilListening(subscriber, options);
    } catch (error) {
      void this.#remove(subscriber);
      throw error;
    }
    return this.#publicView(subscriber, options.signal);
  }

  /** Ends everything; no listener is called any more. */
  close(): void {
    this.#closed.abort(closedError());
    this.#channels.clear(closedError());
    this.#connection?.leave('the cluster was closed');
  }

  #assertPossible(channel: string, fn: NotificationListener, options: SubscribeOptions): void {
    assertChannel(channel);
    if (typeof fn !== 'function')
      throw argumentError('listen needs a function to call for each notification.');
    assertOptions('listen', options, SUBSCRIBE_OPTIONS);
    assertLimits(options);
    const { driver } = this.#herd.settings;
    if (this.#closed.signal.aborted || this.#herd.isClosed) throw closedError();
    if (options.signal?.aborted) throw abortedError(options.signal);
    if (driver.capabilities.notifications === true) return;
    throw new PgHerdError('PGHERD_UNSUPPORTED', `${driver.name} does not report notifications.`);
  }

  #publicView(subscriber: Subscriber, signal: AbortSignal | undefined): Subscription {
    const isActive = () => this.#channels.has(subscriber);
    let forget: (() => void) | undefined;
    const unlisten = () => {
      forget?.();
      return this.#remove(subscriber);
    };
    const node = () => (isActive() ? this.#nodeOf(subscriber.channel) : undefined);
    forget = onAbort(signal, () => void unlisten());
    return Object.freeze({
      channel: subscriber.channel,
      get isActive() {
        return isActive();
      },
      get node() {
        return node();
      },
      async unlisten(...given: readonly unknown[]): Promise<void> {
        assertNoCallback('unlisten', given);
        return unlisten();
      },
      [Symbol.asyncDispose]: unlisten,
      [INSPECT](_depth: number, options: object, inspect: Inspect): string {
        const { channel } = subscriber;
        return look('Subscription', { channel, isActive: isActive(), node: node() }, options, inspect);
      },
    });
  }

  /** The node that listens to the channel now. */
  #nodeOf(channel: string): string | undefined {
    const connection = this.#connection;
    return connection?.hears(channel) === true ? connection.node : undefined;
  }

  /** Waits until the server listens for the first time, at most as long as the options allow. */
  async #untilListening(subscriber: Subscriber, { timeoutMs, signal }: SubscribeOptions): Promise<void> {
    const { clock, waitTimeoutMs } = this.#herd.settings;
    const limitMs = Math.min(timeoutMs ?? Number.POSITIVE_INFINITY, waitTimeoutMs);
    const listening = new Promise<void>((resolve, reject) => {
      subscriber.waiter = { resolve, reject };
    });
    const timer = watchdog(clock, limitMs, (waitedMs) =>
      subscriber.waiter?.reject(this.#waitTimedOut(waitedMs, limitMs === timeoutMs)),
    );
    const forget = onAbort(signal, () => subscriber.waiter?.reject(abortedError(signal)));
    if (this.#running) void this.#synchronize();
    else void this.#run();
    try {
      await listening;
    } finally {
      subscriber.waiter = undefined;
      timer.cancel();
      forget();
    }
  }

  /** `own`: the subscription's own limit has passed, not the cluster's. */
  #waitTimedOut(waitedMs: number, own: boolean): PgHerdError {
    const refusals = new Map<string, string>();
    if (this.#lastNode !== undefined && this.#lastError !== undefined)
      refusals.set(this.#lastNode, messageOf(this.#lastError));
    const error = this.#herd.noNodeError(this.#demand(), waitedMs, refusals);
    if (!own) return error;
    const sentence = `The server did not listen within ${Math.round(waitedMs)} ms (timeoutMs). ${error.message}`;
    return new PgHerdError('PGHERD_TIMEOUT', sentence, { cause: error });
  }

  #demand(): Demand {
    const { settings } = this.#herd;
    return prepareCall({ target: 'read-write' }, settings).demand;
  }

  async #remove(subscriber: Subscriber): Promise<void> {
    if (!this.#channels.delete(subscriber)) return;
    if (this.#channels.isEmpty) this.#connection?.leave('the last subscription ended');
    else await this.#synchronize();
  }

  async #run(): Promise<void> {
    this.#running = true;
    const { clock } = this.#herd.settings;
    // Between two connections nothing else keeps the process alive while subscriptions wait.
    const keepAlive = clock.schedule(KEEP_ALIVE_MS, () => undefined);
    const off = this.#herd.events.on('topology:changed', ({ after }) => {
      const connection = this.#connection;
      const reason = connection === undefined ? undefined : reasonToLeave(after, connection.node);
      if (reason !== undefined) connection?.close(reason);
    });
    let pauseMs = FIRST_PAUSE_MS;
    while (!this.#channels.isEmpty) {
      const served = await this.#serve();
      pauseMs = served ? FIRST_PAUSE_MS : Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      if (!this.#channels.isEmpty) await this.#pause(pauseMs);
    }
    off();
    keepAlive.cancel();
    this.#channels.forgetLoss();
    this.#running = false;
  }

  /** One connection from its beginning to its end. Resolves to whether it ever listened. */
  async #serve(): Promise<boolean> {
    let connection: SubscriptionConnection | undefined;
    try {
      connection = await this.#connect();
      if (connection === undefined) return false;
      this.#connection = connection;
      await this.#synchronize();
    } catch (error) {
      this.#lastError = error;
      if (isFinal(error, 'subscription')) this.#channels.reject(error);
    }
    if (connection === undefined) return false;
    const { node } = connection;
    const listened = connection.isOpen;
    const reason = await connection.ended;
    this.#connection = undefined;
    if (listened) {
      this.#channels.noteLoss(connection.completeUntil, reason);
      if (!this.#channels.isEmpty) this.#herd.events.emit('listen:lost', { node, reason });
    }
    return listened;
  }

  async #connect(): Promise<SubscriptionConnection | undefined> {
    const herd = this.#herd;
    herd.start();
    herd.assertReachable();
    const name = herd.select(this.#demand()).tiers[0]?.[0]?.name;
    const node = name === undefined ? undefined : herd.nodes.get(name);
    if (node === undefined) return undefined;
    this.#lastNode = node.name;
    const { clock, deadAfterMs } = herd.settings;
    const ports: SubscriptionConnectionPorts = {
      node: node.name,
      clock,
      heartbeatMs: deadAfterMs,
      connect: (listener, signal) => node.connectListener(listener, signal),
      notified: (notification) => this.#channels.deliver(notification),
    };
    return withinConnectTimeout(node.name, herd.settings, this.#closed.signal, (signal) =>
      SubscriptionConnection.open(ports, signal),
    );
  }

  /**
   * Makes the server listen to the channels that are wanted, and reports those that it listens to. Never
   * rejects.
   */
  async #synchronize(): Promise<void> {
    try {
      await this.#exchanges.run(async () => {
        const connection = this.#connection;
        if (connection === undefined || !connection.isOpen) return;
        await connection.listenTo(this.#channels.names());
        this.#channels.noteHeard((channel) => connection.hears(channel), connection.node);
      });
    } catch (error) {
      this.#lastError = error;
    }
  }

  async #pause(ms: number): Promise<void> {
    const { clock } = this.#herd.settings;
    const until = clock.now() + ms;
    await this.#herd.changed(until, this.#closed.signal, this.#demand()).catch(() => undefined);
  }
}
