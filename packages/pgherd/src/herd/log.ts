import { messageOf } from '../model/errors.ts';
import { printable, quoted } from '../model/foreign.ts';
import type { Off } from '../observe/emitter.ts';
import type { ClusterEventName, ClusterEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';
import { barredLine } from './barred-writes.ts';

/** Where events come from: a cluster, or what emits its events. */
export interface LoggedEvents {
  on<N extends ClusterEventName>(name: N, fn: (event: ClusterEvents[N]) => void): Off;
}

/**
 * Writes what happens in a cluster to a logger, in the words that the option `logger` gets: as a second log, or for a view of one's own.
 * `error` needs an operator, `warn` may affect calls, `info` is a change, `debug` routine. What servers and networks sent is escaped and cut.
 * Returns what ends it.
 *
 * @example
 * ```ts
 * import { createCluster, logEvents } from 'pgherd';
 *
 * const db = createCluster('postgres://app@db1,db2,db3/shop');
 * const off = logEvents(db, console);
 * ```
 */
export function logEvents(events: LoggedEvents, logger: Logger): Off {
  const offs: Off[] = [];
  const on: LoggedEvents['on'] = (name, fn) => {
    const off = events.on(name, fn);
    offs.push(off);
    return off;
  };
  writeEvents({ on }, printing(logger));
  return () => {
    for (const off of offs.splice(0)) off();
  };
}

function writeEvents(events: LoggedEvents, logger: Logger): void {
  logNodes(events, logger);
  logClaims(events, logger);
  events.on('node:several-servers', ({ node, servers, barsWrites }) => {
    if (servers === 1) logger.info(`pgherd: one server answers at ${node} again`);
    else
      logger.warn(
        `pgherd: ${servers} servers answer at ${node}, now one and now another: ${consequences(barsWrites)}`,
      );
  });
  events.on('node:added', ({ node }) => logger.info(`pgherd: ${node} was added`));
  events.on('node:removed', ({ node }) => logger.info(`pgherd: ${node} was removed`));
  events.on('discovery:failed', ({ error }) => {
    logger.warn(`pgherd: ${messageOf(error)}`);
  });
  events.on('discovery:refused', ({ discovery, node, reason }) => {
    logger.warn(`pgherd: ${discovery} named ${node}, which gets no connection: ${reason}`);
  });
  events.on('connection:opened', ({ node, durationMs }) => {
    logger.debug(`pgherd: connected to ${node} in ${Math.round(durationMs)} ms`);
  });
  events.on('connection:failed', ({ node, error }) => {
    logger.debug(`pgherd: could not connect to ${node}: ${messageOf(error)}`);
  });
  events.on('connection:condemned', ({ node, pid, state }) => {
    logger.warn(`pgherd: a connection to ${node} was lost without a word (backend ${pid}, ${state})`);
  });
  events.on('call:retried', ({ node, attempt, error }) => {
    const why = messageOf(error);
    logger.warn(`pgherd: a call failed${on(node)} and runs again, attempt ${attempt}: ${why}`);
  });
  logSharing(events, logger);
  events.on('retry:exhausted', ({ node, error }) => {
    const why = messageOf(error);
    logger.warn(
      `pgherd: a call failed${on(node)} and does not run again because retry.budget is used up: ${why}`,
    );
  });
  logStatements(events, logger);
  events.on('pool:scarce', ({ node, held, max, by }) => {
    const how = by === 'refused' ? 'refused one' : 'has few left';
    logger.warn(
      `pgherd: ${node} is short of connections and ${how}; this process holds ${held}, at most ${max} for now`,
    );
  });
  events.on('node:commits-waiting', ({ node, sessions, standbyNames, waitedMs }) => {
    if (sessions === 0)
      logger.info(`pgherd: commits on ${node} do not wait for a synchronous standby any more`);
    else
      logger.warn(
        `pgherd: ${sessions} commits on ${node} wait for a synchronous standby, the first for ${waitedMs} ms: synchronous_standby_names is ${quoted(standbyNames ?? '')}`,
      );
  });
  events.on('lease:leaked', ({ node, verb, heldMs, stack }) => {
    logger.warn(
      `pgherd: a connection to ${node} was not released for ${heldMs} ms; ${verb} was called here:\n${stack}`,
    );
  });
  events.on('listen:lost', ({ node, reason }) =>
    logger.warn(`pgherd: the connection for notifications to ${node} is lost: ${reason}`),
  );
  events.on('listen:gap', ({ channel, from, to, node }) => {
    const gap = `${from.toISOString()} to ${to.toISOString()}`;
    logger.warn(`pgherd: notifications on "${channel}" from ${gap} may be lost; listening on ${node} now`);
  });
  events.on('cluster:warned', ({ message }) => logger.warn(`pgherd: ${message}`));
}

/** What became of single statements, and what servers say about them. */
function logStatements(events: LoggedEvents, logger: Logger): void {
  events.on('statement:cancelled', ({ node, ended }) => {
    if (ended) logger.debug(`pgherd: a statement was cancelled on ${node}`);
    else logger.warn(`pgherd: a statement could not be cancelled on ${node} and may still run there`);
  });
  events.on('statement:slow', ({ text, node, attempts, durationMs, waitedMs, ranMs, retriedMs }) => {
    const parts = [`waited ${Math.round(waitedMs)} ms`, `ran ${Math.round(ranMs)} ms`];
    if (attempts > 1) parts.push(`${attempts} attempts in ${Math.round(retriedMs)} ms before`);
    logger.warn(
      `pgherd: a statement${on(node)} took ${Math.round(durationMs)} ms (${parts.join(', ')}): ${excerpt(text)}`,
    );
  });
  events.on('server:notice', ({ node, severity, message }) => {
    const text = `pgherd: ${node} says ${severity}: ${message}`;
    if (severity === 'WARNING') logger.info(text);
    else logger.debug(text);
  });
}

/** What the nodes are. That nothing is known of them while the cluster rests is no news. */
function logNodes(events: LoggedEvents, logger: Logger): void {
  let rests = false;
  events.on('cluster:rested', ({ idleMs }) => {
    rests = true;
    logger.info(`pgherd: not used for ${Math.round(idleMs / 1_000)} s; rests until it is used again`);
  });
  events.on('cluster:woken', ({ restedMs }) => {
    rests = false;
    logger.info(`pgherd: is used again after a rest of ${Math.round(restedMs / 1_000)} s`);
  });
  events.on('node:role-changed', ({ node, before, after }) => {
    if (!rests) logger.info(`pgherd: ${node} is now ${after}, was ${before}`);
  });
  events.on('node:health-changed', ({ node, after, reason }) => {
    if (after === 'ok') logger.info(`pgherd: ${node} is ok`);
    else if (!rests) logger.warn(`pgherd: ${node} is ${after}: ${reason ?? 'no reason known'}`);
  });
  events.on('node:standing-changed', ({ node, after, reason }) => {
    if (after === 'current') logger.info(`pgherd: ${node} is current again`);
    else if (!rests) logger.warn(`pgherd: ${node} is ${after}: ${reason ?? 'no reason known'}`);
  });
  events.on('primary:changed', ({ before, after, timeline }) => {
    if (rests) return;
    if (after === undefined) logger.warn(`pgherd: primary ${before} is lost; writes wait for a new one`);
    else logger.info(`pgherd: writes go to ${after} on timeline ${timeline ?? 'unknown'}`);
  });
}

/** Which nodes are believed, and which are not. */
function logClaims(events: LoggedEvents, logger: Logger): void {
  events.on('cluster:split-brain', ({ nodes, timeline }) => {
    logger.error(
      `pgherd: ${nodes.join(' and ')} claim to be the primary of the same timeline ${timeline ?? 'unknown'}`,
    );
  });
  events.on('cluster:foreign', ({ systemIdentifiers }) => {
    logger.error(
      `pgherd: primaries of different clusters answer, writes are refused: system identifiers ${systemIdentifiers.join(' and ')}`,
    );
  });
  events.on('cluster:replaced', ({ before, after, adopted }) => {
    const what = adopted ? 'the new system is adopted' : 'writes are refused';
    logger.error(`pgherd: all nodes are now of system ${after} instead of ${before}; ${what}`);
  });
  events.on('cluster:writes-barred', (barred) => logger.warn(`pgherd: ${barredLine(barred)}`));
  events.on('cluster:contested', ({ answers, claimants, holder }) => {
    const said = Object.entries(answers).map(([from, leader]) => `${from} names ${leader}`);
    const what = holder === undefined ? 'the highest timeline counts' : `only ${holder} may be written to`;
    logger.warn(
      `pgherd: ${claimants.join(' and ')} claim to be the primary; ${said.join(', ') || 'the discovery did not answer'}; ${what}`,
    );
  });
  events.on('cluster:contest-ended', ({ claimants }) => {
    logger.info(`pgherd: the claims of ${claimants.join(' and ')} do not compete any more`);
  });
  events.on('cluster:floor-withdrawn', ({ by, from, to, primary, witnesses }) => {
    const back = `${witnesses.join(' and ')} follows ${primary} again`;
    const why = by === 'witnesses' ? back : `the discovery names ${primary}`;
    logger.warn(`pgherd: timeline ${from} is given up, because ${why}; timeline ${to} is the highest now`);
  });
  events.on('cluster:epoch-accepted', ({ by, from, node, to }) => {
    const where = by === 'call' ? 'acceptEpoch' : `the database of ${node}`;
    logger.warn(
      `pgherd: timeline ${to} is the highest now instead of ${from ?? 'none'}, accepted by ${where}`,
    );
  });
}

/** How work is shared among nodes that suit. */
function logSharing(events: LoggedEvents, logger: Logger): void {
  events.on('node:ejected', ({ node, reason, forMs }) =>
    logger.warn(`pgherd: reads avoid ${node} for ${Math.round(forMs / 1_000)} s: ${reason}`),
  );
  events.on('node:readmitted', ({ node }) => logger.info(`pgherd: reads go to ${node} again`));
  events.on('call:hedged', ({ node, other, afterMs, winner }) => {
    const end = winner === undefined ? 'neither answered in time' : `${winner} answered first`;
    logger.debug(
      `pgherd: a read${on(node)} was sent to ${other} too after ${Math.round(afterMs)} ms: ${end}`,
    );
  });
}

/** Nothing that comes to the log commands a terminal, whatever an event holds. */
export function printing(sink: Logger): Logger {
  return {
    debug: (text) => sink.debug(printable(text)),
    info: (text) => sink.info(printable(text)),
    warn: (text) => sink.warn(printable(text)),
    error: (text) => sink.error(printable(text)),
  };
}

/** Longest SQL in a line of the log, characters. */
const LONGEST_SQL = 1_000;

function excerpt(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, ' ');
  return line.length <= LONGEST_SQL ? line : `${line.slice(0, LONGEST_SQL)}…`;
}

function on(node: string | undefined): string {
  return node === undefined ? '' : ` on ${node}`;
}

function consequences(barsWrites: boolean): string {
  const reads = 'it gets no causal reads and none with a limit of lag';
  return barsWrites
    ? `${reads}, and no writes, since only one of them can take these. Name the servers instead`
    : reads;
}
