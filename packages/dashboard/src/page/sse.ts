/** One event of a stream of server-sent events. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** A longer event is no event of ours, characters. */
const LONGEST = 32_000_000;

/** Reads server-sent events from pieces of text, however these are cut. */
export class EventReader {
  #rest = '';

  /** The events that are complete with this piece. */
  read(piece: string): ServerEvent[] {
    this.#rest += piece;
    if (this.#rest.length > LONGEST) throw new Error('The server sent an event that does not end.');
    const blocks = this.#rest.split('\n\n');
    this.#rest = blocks.pop() ?? '';
    return blocks.map(eventOf).filter((event) => event.data !== '');
  }
}

function eventOf(block: string): ServerEvent {
  const fields = block.split('\n').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')] as const;
  });
  const fieldOf = (name: string) => fields.find(([field]) => field === name)?.[1];
  return { id: fieldOf('id'), data: fieldOf('data') ?? '' };
}
