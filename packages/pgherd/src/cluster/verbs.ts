import {
  type Call,
  type CallOptions,
  type CallRecord,
  hasCallOptions,
  NO_OPTIONS,
  type PreparedCall,
} from '../call/call.ts';
import { CALL_OPTIONS } from '../call/call-option-names.ts';
import { commented, joinedTags } from '../call/comment.ts';
import type { Engine } from '../engine/engine.ts';
import { INSPECT, type Inspect, look } from '../model/looks.ts';
import { assertOptions } from '../model/option-names.ts';
import { type Executor, taggedWork } from '../query/executor.ts';
import { startOnCluster } from '../query/long-work.ts';
import { type Querier, querierOver } from '../query/querier.ts';
import { assertNoSettings, runWithSettings, settingsStatement } from '../query/settings.ts';
import { ON_CLUSTER, watchedExecutor } from '../query/watched.ts';
import { type HoldingVerbs, holdingVerbs } from './holding-verbs.ts';

/** The verbs of a cluster, also with the defaults of `with`. */
export interface ClusterQuerier extends Querier, HoldingVerbs {
  /** The same verbs with other defaults. */
  with(options: CallOptions): ClusterQuerier;
}

/** How calls begin. */
export interface CallStarts {
  /** @throws PgHerdError `PGHERD_INVALID_ARGUMENT` for an invalid option. */
  prepare(options: CallOptions): PreparedCall;
  /** Starts the clock of a call. */
  begin(prepared: PreparedCall, record?: CallRecord): Call;
}

/** The verbs of a cluster, with defaults that a call's own options override. */
export function clusterQuerier(
  engine: Engine,
  starts: CallStarts,
  defaults: CallOptions = NO_OPTIONS,
): ClusterQuerier {
  const call = callsWith(starts, defaults);
  /** The call of a verb that cannot apply settings. */
  const plain = (verb: string, options: CallOptions = NO_OPTIONS) => {
    assertOptions(verb, options, CALL_OPTIONS);
    assertNoSettings(merged(defaults, options), verb);
    return call(options);
  };
  const executor = executorOver(engine, defaults, call);
  const verbs = {
    ...querierOver(watchedExecutor(executor, engine.watch, ON_CLUSTER)),
    ...holdingVerbs({ engine, defaults, call, plain }),
    with: (options: CallOptions) => clusterQuerier(engine, starts, defaultsWith(defaults, options)),
  };
  return Object.freeze(Object.defineProperty(verbs, INSPECT, { value: lookOf(defaults) }));
}

type StartCall = (options?: CallOptions, record?: CallRecord) => Call;

/** How calls with these defaults begin. */
function callsWith(starts: CallStarts, defaults: CallOptions): StartCall {
  // Made for the first call: an option that cannot be used fails the calls, not `with`.
  let prepared: PreparedCall | undefined;
  return (options = NO_OPTIONS, record) => {
    if (hasCallOptions(options)) return starts.begin(starts.prepare(merged(defaults, options)), record);
    prepared ??= starts.prepare(defaults);
    return starts.begin(prepared, record);
  };
}

/** Runs the statements of a cluster, with defaults that a call's own options override. */
export function clusterExecutor(engine: Engine, starts: CallStarts, defaults: CallOptions): Executor {
  return executorOver(engine, defaults, callsWith(starts, defaults));
}

function executorOver(engine: Engine, defaults: CallOptions, call: StartCall): Executor {
  const executor: Executor = {
    driver: engine.herd.settings.driver.name,
    tagged: (statement, options) => commented(statement, joinedTags(defaults.comment, options.comment)),
    execute: (statement, options, record) =>
      (options.settings ?? defaults.settings) === undefined
        ? engine.execute(executor.tagged(statement, options), call(options, record))
        : runWithSettings(executor, statement, options, record),
    before: (options) => settingsStatement(merged(defaults, options)),
    start: async (work, options, record) => {
      if (work.appliesSettings !== true) assertNoSettings(merged(defaults, options), 'A stream or a COPY');
      const made = call(options, record);
      return startOnCluster(engine, made, taggedWork(executor, work, options));
    },
  };
  return executor;
}

/** How verbs with defaults are shown: by the names of the settings, never their values, nor tokens. */
function lookOf({ settings, after: _after, signal: _signal, ...others }: CallOptions) {
  return (_depth: number, options: object, inspect: Inspect): string => {
    const facts = settings === undefined ? others : { ...others, settings: Object.keys(settings) };
    return look('Querier', facts, options, inspect);
  };
}

/** The defaults of `with`, overridden by the options of the call. */
function merged(defaults: CallOptions, options: CallOptions): CallOptions {
  if (!hasCallOptions(options)) return defaults;
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  const all: CallOptions = { ...defaults, ...Object.fromEntries(given) };
  const both = defaults.settings !== undefined && options.settings !== undefined;
  const comment = joinedTags(defaults.comment, options.comment);
  const tagged = comment === undefined ? all : { ...all, comment };
  return both ? { ...tagged, settings: { ...defaults.settings, ...options.settings } } : tagged;
}

/** The options of `with`, checked, over those of an earlier one. */
function defaultsWith(defaults: CallOptions, options: CallOptions): CallOptions {
  assertOptions('with', options, CALL_OPTIONS);
  return merged(defaults, options);
}
