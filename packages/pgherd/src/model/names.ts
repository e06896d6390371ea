/**
 * What a node is in the cluster. `primary-read-only` is out of recovery but refuses writes: fenced, or by
 * configuration.
 */
export const ROLES = Object.freeze(['primary', 'primary-read-only', 'standby', 'unknown'] as const);
/** One of {@link ROLES}. */
export type Role = (typeof ROLES)[number];

/**
 * Whether a node may be given work: `suspect` gets nothing new, `offline` has been proven twice to be gone.
 */
export const HEALTHS = Object.freeze(['ok', 'suspect', 'offline'] as const);
/** One of {@link HEALTHS}. */
export type Health = (typeof HEALTHS)[number];

/**
 * Whether a node is believed: `stale` is superseded, `foreign` of another cluster, `ambiguous` one of several
 * equal claims.
 */
export const STANDINGS = Object.freeze(['current', 'stale', 'foreign', 'ambiguous'] as const);
/** One of {@link STANDINGS}. */
export type Standing = (typeof STANDINGS)[number];

/** What a caller asks for: libpq's `target_session_attrs` and `prefer-primary`. */
export const TARGETS = Object.freeze([
  'any',
  'read-write',
  'read-only',
  'primary',
  'standby',
  'prefer-standby',
  'prefer-primary',
] as const);
/** One of {@link TARGETS}. */
export type Target = (typeof TARGETS)[number];

/** Why a new connection to a node failed. */
export const CONNECT_FAILURES = Object.freeze([
  'refused',
  'unreachable',
  'name-not-found',
  'timeout',
  'closed',
  'tls',
  'protocol',
  'authentication',
  'database-missing',
  'too-many-connections',
  'starting-up',
  'server-too-old',
  'other',
] as const);
/** One of {@link CONNECT_FAILURES}. */
export type ConnectFailure = (typeof CONNECT_FAILURES)[number];

/** Whether a connection may write. One for reads refuses a mistaken write instead of letting it run twice. */
export type Access = 'read-write' | 'read-only';

/**
 * What happens to nodes that are not believed: `strict` gives them no work, `report` gives them work if no
 * other node can serve.
 */
export type Fencing = 'strict' | 'report';
