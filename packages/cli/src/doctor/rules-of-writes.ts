import type { ServerFacts } from './facts.ts';
import { type Found, isPrimary, type NodeRule, onServer } from './rule.ts';

/** Rules for primaries that refuse writes, by name. */
export const WRITE_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  'read-only-primary': ({ picture }) =>
    picture.role === 'primary-read-only'
      ? [
          {
            severity: 'error',
            evidence: 'It is out of recovery, and default_transaction_read_only is on: writes wait.',
            remedy: 'Set default_transaction_read_only = off in postgresql.conf, and reload.',
            page: 'topology.md',
          },
        ]
      : [],
  'read-only-by-default': onServer(({ readOnlyBy }, node) =>
    isPrimary(node) && readOnlyBy !== null ? readOnlyByDefault(readOnlyBy) : undefined,
  ),
});

function readOnlyByDefault(by: NonNullable<ServerFacts['readOnlyBy']>): Found {
  const refused = 'every write fails with 25006';
  const common = { severity: 'error', page: 'topology.md#role-health-standing' } as const;
  return by.kind === 'alter'
    ? {
        ...common,
        evidence: `alter ${by.what} set default_transaction_read_only = on: ${refused}.`,
        remedy: `alter ${by.what} reset default_transaction_read_only`,
      }
    : {
        ...common,
        evidence: `The connection settings, or a pooler, switch default_transaction_read_only on for each session: ${refused}.`,
        remedy: 'Take it out of options in the connection string, and out of PGOPTIONS.',
      };
}
