/**
 * The place of the warnings that this process has had: one, however often this module is loaded. The number grows when its form
 * changes.
 */
const PLACE = Symbol.for('pgherd.process-warnings.1');

/** Most warnings that are remembered; no program has so many clusters that it must be warned of. */
const MAX_REMEMBERED = 100;

/**
 * Warns the process, as Node.js does of its own accord: on its error output, unless it is run with `--no-warnings`, and by the event
 * `warning` of `process`. `about` is what the warning is of: each is given once in the life of the process.
 */
export function warnProcess(about: string, message: string): void {
  const place = globalThis as { [PLACE]?: Set<string> };
  place[PLACE] ??= new Set();
  const given = place[PLACE];
  if (given.has(about) || given.size >= MAX_REMEMBERED) return;
  given.add(about);
  process.emitWarning(message, { type: 'PgHerdWarning' });
}
