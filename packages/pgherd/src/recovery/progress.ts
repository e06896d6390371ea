/** What has happened to a call so far. */
export interface Progress {
  attempts: number;
  movedBefore: boolean;
  /** Nodes that lost it: avoided at first, since all connections of a dying node end almost at once. */
  readonly lostOn: Set<string>;
}

/** The progress of a call before its first attempt. */
export function newProgress(): Progress {
  return { attempts: 0, movedBefore: false, lostOn: new Set() };
}
