import type { AsyncLocalStorage } from 'node:async_hooks';
import type {
  AcquireMessage,
  ConnectMessage,
  QueryMessage,
  TracingMessages,
  TransactionMessage,
} from '../channels/channels.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Off } from '../observe/emitter.ts';
import { addressOf, type Clusters } from './clusters.ts';
import { shownError } from './errors.ts';
import { shapeOf } from './shape.ts';
import type { Subscriptions } from './subscriptions.ts';

type AttributeValue = string | number | boolean | undefined;
export type Attributes = Record<string, AttributeValue>;

/** What is needed of a span of OpenTelemetry. */
export interface SpanPort {
  isRecording(): boolean;
  setAttribute(name: string, value: string | number | boolean): unknown;
  addEvent(name: string, attributes: Attributes): unknown;
  end(): void;
}

/** What is needed of OpenTelemetry's tracing. */
export interface TracingPort<S extends SpanPort> {
  /** Begins a span in a context. */
  start(name: string, kind: 'client' | 'internal', attributes: Attributes, parent: unknown): S;
  /** The active context. */
  context(): unknown;
  /** A context with another span in it. */
  contextWith(parent: unknown, span: S): unknown;
  /** The span of the active context. */
  active(): S | undefined;
  /** Its operation has failed. */
  failed(span: S): void;
  /** Where the active context is kept; `undefined` if it cannot be found: then what a statement does has the span of its caller. */
  readonly storage: AsyncLocalStorage<unknown> | undefined;
}

/** Which spans there are, and what they show. */
export interface SpanSettings {
  readonly queryText: boolean;
  readonly acquire: boolean;
  readonly connect: boolean;
}

interface Traced {
  readonly error?: unknown;
}
/** Adds to a span what is known at the end. */
type Ends<M> = (message: M, span: SpanPort) => void;

/** So many texts of a batch are shown. */
const MOST_TEXTS = 20;
/** The span of a message. A map from messages to spans would cost a fifth of a statement. */
const SPAN = Symbol('span');

/** Makes a span of each operation on the channels. */
export class Spans<S extends SpanPort = SpanPort> {
  readonly #tracing: TracingPort<S>;
  readonly #settings: SpanSettings;
  readonly #clusters: Clusters;

  constructor(tracing: TracingPort<S>, settings: SpanSettings, clusters: Clusters) {
    this.#tracing = tracing;
    this.#settings = settings;
    this.#clusters = clusters;
  }

  subscribe(subscriptions: Subscriptions): void {
    this.#operation(
      subscriptions,
      'pgherd:query',
      (message, parent) => this.#query(message, parent),
      (message, span) => this.#queryEnd(message, span),
    );
    this.#operation(
      subscriptions,
      'pgherd:transaction',
      (message, parent) => this.#transaction(message, parent),
      transactionEnd,
    );
    if (this.#settings.acquire)
      this.#operation(
        subscriptions,
        'pgherd:acquire',
        (message, parent) => this.#acquire(message, parent),
        acquireEnd,
      );
    if (this.#settings.connect)
      this.#operation(
        subscriptions,
        'pgherd:connect',
        (message, parent) => this.#connect(message, parent),
        noEnd,
      );
  }

  /** Retries of calls become events of their spans; returns what ends that. */
  observe(db: Cluster): Off {
    // Without the storage, the active span is that of the caller.
    if (this.#tracing.storage === undefined) return () => undefined;
    return db.on('call:retried', ({ node, attempt, error, kind, delayMs }) => {
      this.#tracing.active()?.addEvent('pgherd.retry', {
        'pgherd.node': node,
        'pgherd.attempt': attempt,
        'pgherd.error.kind': kind,
        'pgherd.delay_ms': Math.round(delayMs),
        'error.type': shownError(error).type,
      });
    });
  }

  #operation<N extends keyof TracingMessages>(
    subscriptions: Subscriptions,
    name: N,
    start: (message: TracingMessages[N], parent: unknown) => S,
    ends: Ends<TracingMessages[N]>,
  ): void {
    const tracing = this.#tracing;
    const { storage } = tracing;
    const begin = (message: TracingMessages[N], parent: unknown): S => {
      const span = start(message, parent);
      (message as Marked<S>)[SPAN] = span;
      return span;
    };
    if (storage === undefined)
      subscriptions.subscribe(name, 'start', (message) => void begin(message, tracing.context()));
    else
      subscriptions.bindStore(name, storage, (message) => {
        const parent = tracing.context();
        return tracing.contextWith(parent, begin(message, parent));
      });
    subscriptions.subscribe(name, 'asyncEnd', (message) => {
      const span = (message as Marked<S>)[SPAN];
      if (span !== undefined) this.#finish(span, message, ends);
    });
  }

  #finish<M extends Traced>(span: S, message: M, ends: Ends<M>): void {
    try {
      if (!span.isRecording()) return;
      ends(message, span);
      if (message.error !== undefined) {
        const { state, type } = shownError(message.error);
        span.setAttribute('error.type', type);
        if (state !== undefined) span.setAttribute('db.response.status_code', state);
        this.#tracing.failed(span);
      }
    } finally {
      span.end();
    }
  }

  #query(message: QueryMessage, parent: unknown): S {
    const { cluster, text, texts, target } = message;
    const shape = shapeOf(text);
    const isBatch = texts !== undefined && texts.length > 1;
    const summary = isBatch ? batchSummary(texts) : shape.summary;
    const attributes: Attributes = {
      'db.system.name': 'postgresql',
      'db.namespace': cluster.database,
      'db.query.summary': summary,
    };
    if (target !== undefined) attributes['pgherd.target'] = target;
    if (isBatch) attributes['db.operation.batch.size'] = texts.length;
    if (this.#settings.queryText) {
      const shown = isBatch ? joined(texts) : shape.text;
      if (shown !== undefined) attributes['db.query.text'] = shown;
    }
    return this.#tracing.start(summary === '' ? 'postgresql' : summary, 'client', attributes, parent);
  }

  /** What no sampler asks for is set once, here; the SDK reads what is given at the start three times. */
  #queryEnd({ cluster, verb, scope, node, attempts, shared }: QueryMessage, span: SpanPort): void {
    setServer(span, node);
    span.setAttribute('pgherd.verb', verb);
    span.setAttribute('pgherd.scope', scope);
    const role = this.#clusters.roleOf(cluster, node);
    if (role !== undefined) span.setAttribute('pgherd.role', role);
    if (attempts !== undefined) span.setAttribute('pgherd.attempts', attempts);
    if (shared !== undefined) span.setAttribute('pgherd.shared', shared);
  }

  #transaction({ cluster, target, isolation, readOnly }: TransactionMessage, parent: unknown): S {
    return this.#tracing.start(
      'pgherd.transaction',
      'internal',
      {
        'db.system.name': 'postgresql',
        'db.namespace': cluster.database,
        'pgherd.target': target,
        'pgherd.isolation': isolation,
        'pgherd.read_only': readOnly,
      },
      parent,
    );
  }

  #acquire({ cluster, target }: AcquireMessage, parent: unknown): S {
    return this.#tracing.start(
      'pgherd.acquire',
      'internal',
      {
        'db.system.name': 'postgresql',
        'db.namespace': cluster.database,
        'pgherd.target': target,
      },
      parent,
    );
  }

  #connect({ cluster, host, port, purpose }: ConnectMessage, parent: unknown): S {
    return this.#tracing.start(
      'pgherd.connect',
      'client',
      {
        'db.system.name': 'postgresql',
        'db.namespace': cluster.database,
        'server.address': host,
        'server.port': port,
        'pgherd.purpose': purpose,
      },
      parent,
    );
  }
}

/** A message whose span has begun. */
type Marked<S> = { [SPAN]?: S };

function transactionEnd({ node, attempts, outcome }: TransactionMessage, span: SpanPort): void {
  setServer(span, node);
  span.setAttribute('pgherd.attempts', attempts);
  if (outcome !== undefined) span.setAttribute('pgherd.outcome', outcome);
}

function acquireEnd({ node }: AcquireMessage, span: SpanPort): void {
  setServer(span, node);
}

function noEnd(): void {}

function setServer(span: SpanPort, node: string | undefined): void {
  if (node === undefined) return;
  const { host, port } = addressOf(node);
  span.setAttribute('server.address', host);
  span.setAttribute('server.port', port);
}

/** Where the node of a message listens. */
export function serverOf(node: string | undefined): Attributes {
  if (node === undefined) return {};
  const { host, port } = addressOf(node);
  return { 'server.address': host, 'server.port': port };
}

/** The SQL of a batch; `undefined` if one of its texts cannot be shown. */
function joined(texts: readonly string[]): string | undefined {
  const shown = texts.slice(0, MOST_TEXTS).map((text) => shapeOf(text).text);
  if (shown.some((text) => text === undefined)) return undefined;
  return new Set(shown).size === 1 ? shown[0] : shown.join('; ');
}

/** `BATCH`, and what its statements do if they all do the same. */
function batchSummary(texts: readonly string[]): string {
  const [first, ...others] = new Set(texts.map((text) => shapeOf(text).summary));
  return first === undefined || others.length > 0 ? 'BATCH' : `BATCH ${first}`.trim();
}
