import type { DoctorFacts, ServerFacts } from './facts.ts';
import { type ClusterRule, type Found, type NodeRule, onServer } from './rule.ts';

/** Rules for the files of extensions on one server, by name. */
export const EXTENSION_RULES: Readonly<Record<string, NodeRule>> = Object.freeze({
  'extension-missing': onServer(({ extensions }) =>
    extensions.flatMap(({ name, offered }): Found[] =>
      offered !== null
        ? []
        : [
            {
              severity: 'error',
              evidence: `The database has the extension ${name}, and this server lacks its files: what needs it fails here, also after a failover to it.`,
              remedy: `Install the package of ${name} on this server.`,
              page: 'runbook.md#failover',
            },
          ],
    ),
  ),
});

/** Servers of one cluster offer the same version of each extension, since a failover takes the database to another's files. */
export const differentExtensions: ClusterRule = ({ nodes }) => {
  const names = new Set(nodes.flatMap(({ server }) => server?.extensions.map(({ name }) => name) ?? []));
  return [...names].flatMap((extension): Found[] => {
    const offered = seenOn(
      nodes,
      ({ extensions }) => extensions.find(({ name }) => name === extension)?.offered,
    );
    return new Set(offered.values()).size < 2
      ? []
      : [
          {
            severity: 'warning',
            evidence: `The servers have files of several versions of the extension ${extension}: ${listed(offered)}.`,
            remedy: 'Install the same package on all servers, and then: alter extension … update.',
            page: 'runbook.md#failover',
          },
        ];
  });
};

/** Libraries that are loaded at the start of a server; only roles with `pg_read_all_settings` see them. */
export const differentPreloads: ClusterRule = ({ nodes }) => {
  const preloaded = seenOn(nodes, ({ settings }) => settings['shared_preload_libraries']);
  return new Set(preloaded.values()).size < 2
    ? undefined
    : {
        severity: 'warning',
        evidence: `shared_preload_libraries differs: ${listed(preloaded)}.`,
        remedy: 'Load the same libraries on all servers, or what needs them is gone after a failover.',
        page: 'runbook.md#failover',
      };
};

/** What servers have, by their names; those that do not say it are left out. */
function seenOn(
  nodes: DoctorFacts['nodes'],
  look: (server: ServerFacts) => string | null | undefined,
): ReadonlyMap<string, string> {
  return new Map(
    nodes.flatMap(({ picture, server }) => {
      const seen = server === undefined ? undefined : look(server);
      return seen === undefined || seen === null ? [] : [[picture.name, seen] as const];
    }),
  );
}

function listed(seen: ReadonlyMap<string, string>): string {
  return [...seen].map(([node, value]) => `${value || 'none'} on ${node}`).join(', ');
}
