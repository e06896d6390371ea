import { messageOf } from '../model/errors.ts';
import type { Emitter } from '../observe/emitter.ts';
import type { ClusterEvents } from '../observe/events.ts';
import type { Logger } from '../observe/logger.ts';

/** Writes what happens into the user's log: levels by how much somebody should care. */
export function logEvents(events: Emitter<ClusterEvents>, logger: Logger): void {
  events.on('node:role-changed', ({ node, before, after }) => {
    logger.info(`pgherd: ${node} was ${before}, is ${after}`);
  });
  events.on('node:health-changed', ({ node, after, reason }) => {
    if (after === 'ok') logger.info(`pgherd: ${node} is ok`);
    else logger.warn(`pgherd: ${node} is ${after}: ${reason ?? 'no reason known'}`);
  });
  events.on('node:standing-changed', ({ node, after, reason }) => {
    if (after === 'current') logger.info(`pgherd: ${node} is current again`);
    else logger.warn(`pgherd: ${node} is ${after}: ${reason ?? 'no reason known'}`);
  });
  events.on('primary:changed', ({ before, after, timeline }) => {
    if (after === undefined) logger.warn(`pgherd: the primary ${before} is lost; writes wait`);
    else logger.info(`pgherd: writes go to ${after}, timeline ${timeline ?? 'unknown'}`);
  });
  events.on('cluster:split-brain', ({ nodes, timeline }) => {
    logger.error(`pgherd: ${nodes.join(' and ')} all claim to be the primary of timeline ${timeline}`);
  });
  events.on('cluster:foreign', ({ systemIdentifiers }) => {
    logger.error(`pgherd: primaries of different clusters answer: ${systemIdentifiers.join(' and ')}`);
  });
  events.on('cluster:replaced', ({ before, after, adopted }) => {
    const what = adopted ? 'it is believed from now on' : 'writes are refused';
    logger.error(`pgherd: all nodes are of system ${after} instead of ${before}: ${what}`);
  });
  events.on('node:added', ({ node }) => logger.info(`pgherd: ${node} was added`));
  events.on('node:removed', ({ node }) => logger.info(`pgherd: ${node} was removed`));
  events.on('discovery:failed', ({ error }) => {
    logger.warn(`pgherd: ${messageOf(error)}`);
  });
  events.on('connection:opened', ({ node, durationMs }) => {
    logger.debug(`pgherd: connected to ${node} in ${Math.round(durationMs)} ms`);
  });
  events.on('connection:failed', ({ node, error }) => {
    logger.debug(`pgherd: no connection to ${node}: ${messageOf(error)}`);
  });
  events.on('call:retried', ({ node, attempt, error }) => {
    const why = messageOf(error);
    logger.warn(`pgherd: a call is run again after ${node}, attempt ${attempt}: ${why}`);
  });
  events.on('retry:exhausted', ({ node, error }) => {
    const why = messageOf(error);
    logger.warn(`pgherd: a call that failed on ${node} is not run again, retry.budget is used up: ${why}`);
  });
  events.on('statement:cancelled', ({ node, ended }) => {
    if (ended) logger.debug(`pgherd: a statement was cancelled on ${node}`);
    else logger.warn(`pgherd: a statement that was given up may go on on ${node}`);
  });
  events.on('lease:leaked', ({ node, verb, heldMs, stack }) => {
    logger.warn(
      `pgherd: a connection to ${node} was not given back for ${heldMs} ms; ${verb} was called here:\n${stack}`,
    );
  });
  events.on('listen:lost', ({ node, reason }) =>
    logger.warn(`pgherd: ${node} is listened to no more: ${reason}`),
  );
  events.on('listen:gap', ({ channel, from, to, node }) => {
    const gap = `${from.toISOString()} to ${to.toISOString()}`;
    logger.warn(
      `pgherd: notifications of "${channel}" may be missing from ${gap}; ${node} is listened to now`,
    );
  });
  events.on('cluster:warned', ({ message }) => logger.warn(`pgherd: ${message}`));
}
