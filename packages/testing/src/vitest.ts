/**
 * Fixtures for Vitest 3.2 and newer.
 *
 * @packageDocumentation
 */
import { inject, type TestAPI, test } from 'vitest';
import type { TestProject } from 'vitest/node';
import type { TestCluster } from './cluster.ts';
import { TestClusterError } from './errors.ts';
import { createTestDatabase, type TestDatabase } from './fixtures/database.ts';
import { type ClusterForFile, openClusterForFile } from './fixtures/file-cluster.ts';
import { type SharedServers, sharedServers } from './fixtures/servers.ts';
import type { TemplateOptions } from './fixtures/template.ts';
import type { TestClusterOptions } from './options.ts';
import { sharedTestCluster } from './shared.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the servers of `serversForAll` are. */
    'pgherd:servers': SharedServers;
  }
}

const KEY = 'pgherd:servers';

/**
 * The global setup that starts servers once for all test files and workers, and ends them after the last one.
 *
 * @example
 * // test/servers.ts, named as `globalSetup` in the configuration of Vitest
 * export const setup = serversForAll({ standbys: 2 });
 */
export function serversForAll(
  options: TestClusterOptions = {},
): (project: TestProject) => Promise<() => Promise<void>> {
  return async (project) => {
    const cluster = await sharedTestCluster(options);
    project.provide(KEY, sharedServers(cluster));
    return () => cluster.close();
  };
}

/**
 * A `test` with the fixture `database`: a database of the test file's own, on the servers of {@link serversForAll}. It is a copy of a
 * template that `prepare` fills once for all files and workers, and is removed after the file.
 *
 * @example
 * export const test = databaseTest({ prepare: ({ url }) => migrate(url) });
 */
export function databaseTest(options: TemplateOptions = {}): TestAPI<{ database: TestDatabase }> {
  return test.extend<{ database: TestDatabase }>({
    database: [
      // biome-ignore lint/correctness/noEmptyPattern: Vitest wants to see which fixtures another one takes.
      async ({}, use) => {
        const database = await createTestDatabase(injectedServers(), options);
        try {
          await use(database);
        } finally {
          await database.close();
        }
      },
      { scope: 'file' },
    ],
  });
}

/**
 * A `test` with the fixture `cluster`: servers of the test file's own, which a test may break. After each test that has used it the cluster
 * is repaired. Tests of one file must not run at the same time (`test.concurrent`).
 *
 * @example
 * const test = clusterTest({ standbys: 2, synchronous: { commit: 'on', any: 1 }, prepare: ({ url }) => migrate(url) });
 */
export function clusterTest(options: ClusterForFile = {}): TestAPI<{ cluster: TestCluster }> {
  return test.extend<{ fileCluster: TestCluster; cluster: TestCluster }>({
    fileCluster: [
      // biome-ignore lint/correctness/noEmptyPattern: Vitest wants to see which fixtures another one takes.
      async ({}, use) => {
        const cluster = await openClusterForFile(options);
        try {
          await use(cluster);
        } finally {
          await cluster.close();
        }
      },
      { scope: 'file' },
    ],
    cluster: async ({ fileCluster }, use) => {
      await use(fileCluster);
      await fileCluster.repair();
    },
  });
}

function injectedServers(): SharedServers {
  const servers = inject(KEY) as SharedServers | undefined;
  if (servers !== undefined) return servers;
  throw new TestClusterError(
    'There are no servers for the fixture `database`. Name a file with `export const setup = serversForAll()` as `globalSetup` in the ' +
      'configuration of Vitest.',
  );
}

export type { ClusterForFile, SharedServers, TemplateOptions, TestDatabase };
