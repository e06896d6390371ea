export type { FailoverOptions, TestCluster } from './cluster.ts';
export { createTestCluster } from './create.ts';
export { TestClusterError, type TestClusterErrorOptions } from './errors.ts';
export {
  FAKE_PHASES,
  type FakeAction,
  type FakePhase,
} from './fake/actions.ts';
export type { FakeConnection, FakeResponder } from './fake/connection.ts';
export type { Effect } from './fake/conversation.ts';
export type { FakeColumn } from './fake/encode.ts';
export {
  createFakePostmaster,
  type FakeCancel,
  type FakeFault,
  FakePostmaster,
  type FakeScript,
} from './fake/fake-postmaster.ts';
export type { FakeFaultRule } from './fake/fault.ts';
export type { FakeAuthentication } from './fake/proof.ts';
export type { FakeFacts, ProbeRow } from './fake/state.ts';
export type { FakeAnswer, FakeRows, FakeStatement } from './fake/statement.ts';
export { breakCluster, FAULT_NAMES, type FaultName, type FaultOptions } from './faults.ts';
export { createTestDatabase, type TestDatabase } from './fixtures/database.ts';
export { type DatabaseUrls, type SharedServers, sharedServers } from './fixtures/servers.ts';
export type { TemplateOptions } from './fixtures/template.ts';
export { disagreements, type WriteBooks } from './load/books.ts';
export { Load, type LoadOptions, type LoadRead, type LoadWrite, startLoad } from './load/load.ts';
export type { TestClusterOptions } from './options.ts';
export { ensurePostgres, type PostgresChoice, type PostgresInstallation } from './postgres/ensure.ts';
export { createTestAddress, TestAddress } from './proxy/address.ts';
export type { Direction } from './proxy/flow.ts';
export {
  type Arrival,
  type CutPredicate,
  type PartitionOptions,
  startProxy,
  TcpProxy,
} from './proxy/proxy.ts';
export { type SeededRandom, seededRandom } from './random.ts';
export {
  LOG_LEVELS,
  type LogLevel,
  type LogRecord,
  type RecordingLogger,
  recordingLogger,
} from './recording-logger.ts';
export type { PromotionResult, SwitchoverOptions, SwitchoverResult } from './referee.ts';
export { inRollback, type RollbackClient, type RollbackPool, type RollbackRunner } from './rollback.ts';
export type { NodeBackup } from './server/backup.ts';
export type { LogLine, LogMark, LogWaitOptions, ServerLog } from './server/log.ts';
export type { TestNode } from './server/node.ts';
export { type LoginRefusal, type RefusedLogins, refuseLogins } from './server/refuse-logins.ts';
export type { ServerState } from './server/server.ts';
export type { Authentication, ServerSettings, Synchronous } from './server/settings.ts';
export { sharedTestCluster } from './shared.ts';
export {
  createTestAuthority,
  type IssueOptions,
  type TestAuthority,
  type TestCertificate,
} from './tls/authority.ts';
export type { TestTlsOptions } from './tls/options.ts';
export type { ClusterTls } from './tls/server.ts';
export { createUndo, type Undo } from './undo.ts';
export { type WaitOptions, waitUntil } from './wait.ts';
export {
  type ClusterEventSource,
  type EventSource,
  type WaitForOptions,
  waitFor,
} from './wait-for.ts';
