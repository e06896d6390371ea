import type { FakeAction, FakePhase } from './actions.ts';
import type { FakeConnection } from './connection.ts';
import type { FakeStatement } from './statement.ts';

/** When a fault strikes, and what it is. */
export interface FakeFaultRule {
  readonly at: FakePhase;
  readonly do: FakeAction;
  /** How often it strikes. Default: always. */
  readonly times?: number | undefined;
  /** With `at: 'row'`: after so many rows of a result. Default 0: before the first. */
  readonly afterRows?: number | undefined;
  /** Whether it strikes here. Default: everywhere. The statement is known from `query` and `parse` on. */
  readonly when?: ((connection: FakeConnection, statement: FakeStatement | undefined) => boolean) | undefined;
}
