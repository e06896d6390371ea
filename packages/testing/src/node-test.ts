/**
 * Fixtures for `node:test`.
 *
 * @packageDocumentation
 */
import { after, afterEach, before } from 'node:test';
import type { TestCluster } from './cluster.ts';
import { TestClusterError } from './errors.ts';
import { createTestDatabase, type TestDatabase } from './fixtures/database.ts';
import { type ClusterForFile, openClusterForFile } from './fixtures/file-cluster.ts';
import { type JoinedServers, joinServers } from './fixtures/join.ts';
import type { TemplateOptions } from './fixtures/template.ts';
import type { TestClusterOptions } from './options.ts';

/** What {@link useDatabase} needs. */
export interface DatabaseForFile extends TemplateOptions {
  /** The servers. All test files that give the same options share them. Default: those of `createTestCluster`. */
  readonly servers?: TestClusterOptions | undefined;
}

/**
 * A database of the test file's own, from before the first test to after the last one of the file or suite that this is called in. The
 * servers are shared by all files that one `node --test` runs, and end with it; the database is a copy of a template that `prepare` fills
 * once for all files.
 *
 * @example
 * const fixture = useDatabase({ prepare: ({ url }) => migrate(url) });
 * test('orders', async () => {
 *   await using db = createCluster(fixture.database.url);
 * });
 */
export function useDatabase(options: DatabaseForFile = {}): { readonly database: TestDatabase } {
  const { servers, ...template } = options;
  let joined: JoinedServers | undefined;
  let database: TestDatabase | undefined;
  before(async () => {
    joined = await joinServers(servers);
    database = await createTestDatabase(joined.servers, template);
  });
  after(async () => {
    try {
      await database?.close();
    } finally {
      joined?.leave();
    }
  });
  return {
    get database() {
      return database ?? notYet('database');
    },
  };
}

/**
 * Servers of the test file's own, which a test may break, from before the first test to after the last one of the file or suite that this
 * is called in. After each test the cluster is repaired.
 *
 * @example
 * const fixture = useCluster({ standbys: 2, prepare: ({ url }) => migrate(url) });
 * test('a killed primary', async () => {
 *   await fixture.cluster.primary.kill();
 * });
 */
export function useCluster(options: ClusterForFile = {}): { readonly cluster: TestCluster } {
  let cluster: TestCluster | undefined;
  before(async () => {
    cluster = await openClusterForFile(options);
  });
  afterEach(() => cluster?.repair());
  after(() => cluster?.close());
  return {
    get cluster() {
      return cluster ?? notYet('cluster');
    },
  };
}

function notYet(what: string): never {
  throw new TestClusterError(
    `The ${what} is there from the first test on: use it inside of tests and hooks.`,
  );
}

export type { ClusterForFile, TemplateOptions, TestClusterOptions, TestDatabase };
