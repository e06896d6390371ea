/** Words of pgherd, for the page as well: types only, so that nothing of the library comes into it. */
export type { ClusterEventName, ClusterStatus, Health, Role, Standing } from 'pgherd';

/** How much a line of the log matters, as with the methods of a logger. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
