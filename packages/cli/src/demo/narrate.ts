import type { Cluster, Health, Standing } from 'pgherd';

const HEALTH_WORDS: Readonly<Record<Health, string>> = {
  ok: 'answers',
  suspect: 'is suspect',
  offline: 'is offline',
};
const STANDING_WORDS: Readonly<Record<Standing, string>> = {
  current: 'belongs to the cluster again',
  stale: 'is stale: no work for it',
  foreign: 'is of another cluster: no work for it',
  ambiguous: 'is one of two that claim to be primary',
};

/** Tells in sentences what pgherd notices; `nameOf` turns `host:port` into the name a person knows. */
export function narrate(
  db: Pick<Cluster, 'on'>,
  nameOf: (node: string) => string,
  say: (sentence: string) => void,
): void {
  db.on('node:health-changed', ({ node, after, reason }) =>
    say(`${nameOf(node)} ${HEALTH_WORDS[after]}${because(reason)}`),
  );
  db.on('node:role-changed', ({ node, before, after }) => say(`${nameOf(node)} is ${after}, was ${before}`));
  db.on('node:standing-changed', ({ node, after, reason }) =>
    say(`${nameOf(node)} ${STANDING_WORDS[after]}${because(reason)}`),
  );
  db.on('primary:changed', ({ after, timeline }) =>
    say(
      after === undefined
        ? 'no primary: writes wait'
        : `writes go to ${nameOf(after)}${timeline === undefined ? '' : `, timeline ${timeline}`}`,
    ),
  );
  db.on('cluster:split-brain', ({ nodes }) => say(`split brain: ${nodes.map(nameOf).join(', ')}`));
  db.on('cluster:warned', ({ message }) => say(message));
}

function because(reason: string | undefined): string {
  return reason === undefined ? '' : ` (${reason})`;
}
