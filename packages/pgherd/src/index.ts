export type { CallOptions, CommentTags, RoutingOptions } from './call/call.ts';
export type {
  CallChange,
  CallEnd,
  InterceptedCall,
  Interceptor,
  RecordedTimes,
} from './call/interceptor.ts';
export type {
  AcquireMessage,
  CallTimes,
  ConnectMessage,
  ProbeMessage,
  QueryMessage,
  TracedCluster,
  TracingMessages,
  TransactionMessage,
} from './channels/channels.ts';
export type { AutoQuerier } from './cluster/auto.ts';
export {
  type Cluster,
  createCluster,
} from './cluster/cluster.ts';
export { type ConnectedSession, connect } from './cluster/connect.ts';
export type { ConnectOptions } from './cluster/connect-settings.ts';
export type { NodeExplanation, TargetExplanation } from './cluster/explanation.ts';
export type { HoldingVerbs } from './cluster/holding-verbs.ts';
export {
  type RetryAttempt,
  type RetryNotice,
  type RetryPolicy,
  retry,
  retryable,
} from './cluster/retry-function.ts';
export { closeSharedClusters, sharedCluster } from './cluster/shared.ts';
export {
  onShutdown,
  SHUTDOWN_SIGNALS,
  type ShutdownOptions,
  type ShutdownSignal,
} from './cluster/shutdown.ts';
export type { ClusterQuerier } from './cluster/verbs.ts';
export type { Notification, ServerMessage, TransactionStatus } from './connection/port.ts';
export type { DiscoveredNode, Discovery, DiscoveryContext } from './discovery/port.ts';
export type { ClusterHealth, ClusterStatus, NodeHealth } from './herd/health.ts';
export { type LoggedEvents, logEvents } from './herd/log.ts';
export type { Ready } from './herd/ready.ts';
export type { ClusterStats, NodeStats } from './herd/stats.ts';
export type {
  ListenGap,
  NotificationListener,
  ReceivedNotification,
  SubscribeOptions,
  Subscription,
} from './listen/listen.ts';
export type { ExpiringPassword, PasswordFunction, PasswordRequest } from './login/credentials.ts';
export type { NodeLoginOptions } from './login/login.ts';
export type { TlsOptions } from './login/tls-options.ts';
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
export type { AcceptedEpoch, Epoch } from './model/floors.ts';
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
export type { ServerError } from './model/server-error.ts';
export type {
  Field,
  ParseText,
  QueryResult,
  Row,
  RowMode,
  Statement,
  TypeParsers,
} from './model/statement.ts';
export type { AutoRoute, RouterPorts, TextRoute, TextRouter } from './model/text-route.ts';
export type {
  Lag,
  NodeAddress,
  NodeDescription,
  NodeLabels,
  Position,
  Replacement,
  SeveralServers,
  ShownServer,
  TopologyDescription,
} from './model/topology.ts';
export type { ListenOptions, Off } from './observe/emitter.ts';
export type { ClusterEventName, ClusterEvents } from './observe/events.ts';
export type { Logger } from './observe/logger.ts';
export type { ApplicationNameFunction, NamedConnection } from './options/application-name.ts';
export { type EnvironmentVariables, optionsFromEnv } from './options/env-options.ts';
export type { ConnectionTarget, HookConnection, Hooks, HookVerdict } from './options/hooks.ts';
export type { TransactionSettings } from './options/local-settings.ts';
export type {
  CausalOptions,
  ClusterOptions,
  EjectOptions,
  FencingOptions,
  HedgeOptions,
  LagOptions,
  NodeOptions,
  PoolOptions,
  PrepareOptions,
  ProbeOptions,
  RetryOptions,
} from './options/options.ts';
export { type OutcomeOptions, type OutcomeTable, outcomeTableText } from './options/outcome-options.ts';
export type { SessionLimits, SessionOptions } from './options/session-settings.ts';
export {
  ISOLATION_LEVELS,
  type IsolationLevel,
  type TransactionOptions,
} from './options/transaction-options.ts';
export type { PoolStats } from './pool/settings.ts';
export type {
  CopyFromOptions,
  CopyPiece,
  CopyResult,
  CopySource,
  CopyStream,
} from './query/copy.ts';
export type { Lease } from './query/lease.ts';
export type { Querier, QueryConfig } from './query/querier.ts';
export type {
  RowIssue,
  SchemaIssue,
  SchemaOutput,
  SchemaResult,
  StandardSchema,
  WithSchema,
} from './query/schema.ts';
export type { SqlQuery, SqlQueryTag } from './query/sql-query.ts';
export type { RowStream, StreamOptions } from './query/stream.ts';
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
export { type SqlFragment, type SqlTag, sql } from './sql/tag.ts';
export type { Clock, Random, ScheduleOptions, Timer } from './time/port.ts';
export type { TransactionFunction } from './transaction/attempts.ts';
export type { Transaction } from './transaction/transaction.ts';
export { type Types, types } from './wire/types.ts';
