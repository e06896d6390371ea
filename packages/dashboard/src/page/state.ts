import type { EventLine, Frame, Hello, Mark, Message } from '../model/message.ts';
import { extended, type History } from './history.ts';

/** All that a page knows. */
export interface State {
  readonly hello: Hello;
  readonly frame: Frame;
  readonly history: History;
  /** Oldest first. */
  readonly events: readonly EventLine[];
  readonly marks: readonly Mark[];
}

/** Lines that a page shows. */
export const MOST_EVENTS = 300;

/** What a page knows after a message; `undefined` if it has missed the first one. Pure. */
export function after(state: State | undefined, message: Message): State | undefined {
  const { hello, frame, columns, events, marks } = message;
  // A new beginning: what was known is of another process.
  const before = hello === undefined ? state : undefined;
  const said = hello ?? before?.hello;
  if (said === undefined) return undefined;
  const oldest = frame.at - said.historyMs;
  return {
    hello: said,
    frame,
    history: extended(before?.history, columns, said.historyMs),
    events: grown(before?.events, events),
    marks: [...(before?.marks ?? []), ...marks].filter(({ at }) => at >= oldest),
  };
}

/** The same lines while there are no new ones, so that what shows them has nothing to do. */
function grown(known: readonly EventLine[] | undefined, added: readonly EventLine[]): readonly EventLine[] {
  if (known !== undefined && added.length === 0) return known;
  return [...(known ?? []), ...added].slice(-MOST_EVENTS);
}
