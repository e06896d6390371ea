export type { CallOptions, RoutingOptions } from './cluster/call.ts';
export {
  type Cluster,
  createCluster,
  type NodeExplanation,
  type TargetExplanation,
} from './cluster/cluster.ts';
export type {
  CopyFromOptions,
  CopyPiece,
  CopyResult,
  CopySource,
  CopyStream,
} from './cluster/copy.ts';
export type { ExpiringPassword, PasswordFunction, PasswordRequest } from './cluster/credentials.ts';
export { type EnvironmentVariables, optionsFromEnv } from './cluster/env-options.ts';
export type { ConnectionTarget, HookConnection, Hooks, HookVerdict } from './cluster/hooks.ts';
export type { Lease } from './cluster/lease.ts';
export type {
  ListenGap,
  NotificationListener,
  ReceivedNotification,
  SubscribeOptions,
  Subscription,
} from './cluster/listen.ts';
export type { NodeLoginOptions } from './cluster/login.ts';
export type {
  CausalOptions,
  ClusterOptions,
  LagOptions,
  NodeOptions,
  PoolOptions,
  ProbeOptions,
  RetryOptions,
} from './cluster/options.ts';
export { type OutcomeOptions, type OutcomeTable, outcomeTableText } from './cluster/outcome-options.ts';
export type { Querier, QueryConfig } from './cluster/querier.ts';
export type { Ready } from './cluster/ready.ts';
export {
  type RetryAttempt,
  type RetryNotice,
  type RetryPolicy,
  retry,
  retryable,
} from './cluster/retry.ts';
export type { TransactionFunction } from './cluster/run-transaction.ts';
export type {
  RowIssue,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
  WithSchema,
} from './cluster/schema.ts';
export type { SessionLimits } from './cluster/session-limits.ts';
export type { SessionOptions } from './cluster/session-settings.ts';
export { closeSharedClusters, sharedCluster } from './cluster/shared.ts';
export {
  onShutdown,
  SHUTDOWN_SIGNALS,
  type ShutdownOptions,
  type ShutdownSignal,
} from './cluster/shutdown.ts';
export type { SqlQuery, SqlQueryTag } from './cluster/sql-query.ts';
export { type SqlFragment, type SqlTag, sql } from './cluster/sql-tag.ts';
export type { ClusterStats, NodeStats } from './cluster/stats.ts';
export type { RowStream, StreamOptions } from './cluster/stream.ts';
export type { TlsOptions } from './cluster/tls-options.ts';
export type { Transaction } from './cluster/transaction.ts';
export {
  ISOLATION_LEVELS,
  type IsolationLevel,
  type TransactionOptions,
  type TransactionSettings,
} from './cluster/transaction-options.ts';
export type { ClusterQuerier } from './cluster/verbs.ts';
export type { DiscoveredNode, Discovery, DiscoveryContext } from './discovery/port.ts';
export type {
  ConnectionListener,
  ConnectRequest,
  Driver,
  DriverCapabilities,
  DriverConnection,
  DriverCopyIn,
  DriverCopyOut,
  DriverCursor,
  DriverResult,
  Notification,
  PipelinedStatement,
  ServerMessage,
  TlsRequest,
  TransactionStatus,
} from './driver/port.ts';
export {
  AmbiguousPrimaryError,
  ERROR_CODES,
  type ErrorCode,
  ForeignClusterError,
  InvalidDsnError,
  InvalidOptionsError,
  NoSuitableNodeError,
  type OutcomeKind,
  OutcomeUnknownError,
  PgHerdError,
  type PgHerdErrorOptions,
} from './model/errors.ts';
export { formatLsn, type Lsn, parseLsn } from './model/lsn.ts';
export {
  CONNECT_FAILURES,
  type ConnectFailure,
  HEALTHS,
  type Health,
  ROLES,
  type Role,
  STANDINGS,
  type Standing,
  TARGETS,
  type Target,
} from './model/names.ts';
export { REDACTED, Secret } from './model/secret.ts';
export type { Field, QueryResult, Row, RowMode, Statement } from './model/statement.ts';
export type {
  AcceptedEpoch,
  Epoch,
  Lag,
  NodeAddress,
  NodeDescription,
  NodeLabels,
  Position,
  Replacement,
  TopologyDescription,
} from './model/topology.ts';
export type { ListenOptions, Off } from './observe/emitter.ts';
export type { ClusterEventName, ClusterEvents } from './observe/events.ts';
export type { Logger } from './observe/logger.ts';
export type { PoolStats } from './pool/settings.ts';
export { type Classification, classifyError } from './retry/classify.ts';
export {
  isCheckViolation,
  isConnectionError,
  isConstraintViolation,
  isDeadlock,
  isExclusionViolation,
  isForeignKeyViolation,
  isLockNotAvailable,
  isNotNullViolation,
  isOutcomeUnknown,
  isQueryCanceled,
  isReadOnlyViolation,
  isRetryable,
  isSerializationFailure,
  isUniqueViolation,
  sqlState,
} from './retry/predicates.ts';
export {
  ERROR_KINDS,
  ERROR_RULES,
  type ErrorKind,
  type ErrorRule,
  type NodeVerdict,
  PHASES,
  type Phase,
} from './retry/rules.ts';
export type { RetryVerdict } from './retry/verdict.ts';
export {
  type NodeLoad,
  POLICY_NAMES,
  type Policy,
  type PolicyContext,
  type PolicyName,
} from './routing/policies.ts';
export type { Rejection } from './routing/select.ts';
export type { Clock, Random, ScheduleOptions, Timer } from './time/port.ts';
