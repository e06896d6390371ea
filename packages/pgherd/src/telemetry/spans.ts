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
  setAttributes(attributes: Attributes): unknown;
  addEvent(name: string, attributes: Attributes): unknown;
  setFailed(): void;
  end(): void;
}

/** What is needed of OpenTelemetry's tracing. */
export interface TracingPort {
  start(name: string, kind: 'client' | 'internal', attributes: Attributes): SpanPort;
  /** The active context, with the span in it. */
  contextWith(span: SpanPort): unknown;
  /** The span of the active context. */
  active(): SpanPort | undefined;
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
type Ends<M> = (message: M) => Attributes;

/** So many texts of a batch are shown. */
const MOST_TEXTS = 20;

/** Makes a span of each operation on the channels. */
export class Spans {
  readonly #tracing: TracingPort;
  readonly #settings: SpanSettings;
  readonly #clusters: Clusters;
  readonly #open = new WeakMap<object, SpanPort>();

  constructor(tracing: TracingPort, settings: SpanSettings, clusters: Clusters) {
    this.#tracing = tracing;
    this.#settings = settings;
    this.#clusters = clusters;
  }

  subscribe(subscriptions: Subscriptions): void {
    this.#operation(
      subscriptions,
      'pgherd:query',
      (m) => this.#query(m),
      (m) => this.#queryEnd(m),
    );
    this.#operation(subscriptions, 'pgherd:transaction', (m) => this.#transaction(m), transactionEnd);
    if (this.#settings.acquire)
      this.#operation(subscriptions, 'pgherd:acquire', (m) => this.#acquire(m), acquireEnd);
    if (this.#settings.connect)
      this.#operation(
        subscriptions,
        'pgherd:connect',
        (m) => this.#connect(m),
        () => ({}),
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
    start: (message: TracingMessages[N]) => SpanPort,
    ends: Ends<TracingMessages[N]>,
  ): void {
    const { storage } = this.#tracing;
    const begin = (message: TracingMessages[N]) => {
      const span = start(message);
      this.#open.set(message, span);
      return span;
    };
    if (storage === undefined) subscriptions.subscribe(name, 'start', begin);
    else subscriptions.bindStore(name, storage, (message) => this.#tracing.contextWith(begin(message)));
    subscriptions.subscribe(name, 'asyncEnd', (message) => {
      const span = this.#open.get(message);
      if (span !== undefined) finish(span, message, ends);
    });
  }

  #query(message: QueryMessage): SpanPort {
    const { cluster, verb, scope, text, texts, target } = message;
    const shape = shapeOf(text);
    const isBatch = texts !== undefined && texts.length > 1;
    const summary = isBatch ? batchSummary(texts) : shape.summary;
    const attributes: Attributes = {
      'db.system.name': 'postgresql',
      'db.namespace': cluster.database,
      'db.query.summary': summary,
      'pgherd.verb': verb,
      'pgherd.scope': scope,
    };
    if (target !== undefined) attributes['pgherd.target'] = target;
    if (isBatch) attributes['db.operation.batch.size'] = texts.length;
    if (this.#settings.queryText) {
      const shown = isBatch ? joined(texts) : shape.text;
      if (shown !== undefined) attributes['db.query.text'] = shown;
    }
    return this.#tracing.start(summary === '' ? 'postgresql' : summary, 'client', attributes);
  }

  #queryEnd({ cluster, node, attempts, shared }: QueryMessage): Attributes {
    return {
      ...serverOf(node),
      'pgherd.role': this.#clusters.roleOf(cluster, node),
      'pgherd.attempts': attempts,
      'pgherd.shared': shared,
    };
  }

  #transaction({ cluster, target, isolation, readOnly }: TransactionMessage): SpanPort {
    return this.#tracing.start('pgherd.transaction', 'internal', {
      'db.system.name': 'postgresql',
      'db.namespace': cluster.database,
      'pgherd.target': target,
      'pgherd.isolation': isolation,
      'pgherd.read_only': readOnly,
    });
  }

  #acquire({ cluster, target }: AcquireMessage): SpanPort {
    return this.#tracing.start('pgherd.acquire', 'internal', {
      'db.system.name': 'postgresql',
      'db.namespace': cluster.database,
      'pgherd.target': target,
    });
  }

  #connect({ cluster, host, port, purpose }: ConnectMessage): SpanPort {
    return this.#tracing.start('pgherd.connect', 'client', {
      'db.system.name': 'postgresql',
      'db.namespace': cluster.database,
      'server.address': host,
      'server.port': port,
      'pgherd.purpose': purpose,
    });
  }
}

function finish<M extends Traced>(span: SpanPort, message: M, ends: Ends<M>): void {
  try {
    if (!span.isRecording()) return;
    const attributes = ends(message);
    if (message.error !== undefined) {
      const { state, type } = shownError(message.error);
      attributes['error.type'] = type;
      if (state !== undefined) attributes['db.response.status_code'] = state;
      span.setFailed();
    }
    span.setAttributes(attributes);
  } finally {
    span.end();
  }
}

function transactionEnd({ node, attempts, outcome }: TransactionMessage): Attributes {
  return { ...serverOf(node), 'pgherd.attempts': attempts, 'pgherd.outcome': outcome };
}

function acquireEnd({ node }: AcquireMessage): Attributes {
  return serverOf(node);
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
