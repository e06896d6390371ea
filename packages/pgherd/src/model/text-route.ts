import type { Target } from './names.ts';
import type { Row } from './statement.ts';

/** Where a statement goes by its text, and why. */
export interface TextRoute {
  /** `read-write`, or the target of reads. */
  readonly target: Target;
  /** Plain words. */
  readonly why: string;
}

/** What a router needs of its cluster. */
export interface RouterPorts {
  /** The time of the cluster's clock, milliseconds. */
  now(): number;
  /** The rows of a query of the router's own, all values as text, from a node that serves reads. */
  ask(text: string, values: readonly unknown[]): Promise<readonly Row[]>;
}

/** Decides by the texts of a cluster's statements where these go. */
export interface TextRouter {
  /**
   * Where a statement goes: at once if its text is known, otherwise after the catalog was asked. Rejects only if the router cannot work
   * at all.
   */
  routeOf(text: string): TextRoute | Promise<TextRoute>;
  /**
   * A read that was routed has failed with this SQLSTATE. Returns whether it runs once more, on the primary; its text may go there from
   * now on.
   */
  failed(text: string, sqlState: string): boolean;
  /** A statement has been run on the primary; `command` is the first word of its command tag. It may have changed the catalog. */
  ran(command: string): void;
}

/** The option `autoRoute` of a cluster: what `autoRoute()` of `pgherd/auto-route` returns. */
export interface AutoRoute {
  /** Target of statements that only read. */
  readonly reads: Target;
  /** Makes the router of one cluster. */
  routerOf(ports: RouterPorts): TextRouter;
}
