import type { Herd } from '../herd/herd.ts';
import { printable } from '../model/foreign.ts';
import type { Row } from '../model/statement.ts';
import { classifyError } from '../retry/classify.ts';
import { withLimit } from '../time/wait.ts';

/** An answer serves for the refusals of so long, milliseconds: a program that goes on writing does not ask each time. */
const KEPT_MS = 1_000;
/** Longest wait for the answer, milliseconds: the error is not kept from the caller for longer. */
const LIMIT_MS = 250;
/** Longest name of a role or database that is shown. */
const MAX_SHOWN = 200;

/**
 * The setting that makes new sessions of our role in our database read-only, by the catalog: that of the role in the database precedes that
 * of the role, of the database, and of all roles, as on the server.
 */
const SETTING = `select kind, pg_catalog.quote_ident(pg_catalog.current_database()) as database,
  pg_catalog.quote_ident(session_user) as role, value
from (select case when setrole = 0 then case when setdatabase = 0 then 'all' else 'database' end
      else case when setdatabase = 0 then 'role' else 'role-in-database' end end as kind,
    pg_catalog.split_part(setting, '=', 2) as value, setrole = 0 as of_any_role, setdatabase = 0 as in_any_database
  from pg_catalog.pg_db_role_setting, pg_catalog.unnest(setconfig) as setting
  where setting like 'default\\_transaction\\_read\\_only=%'
    and setdatabase in (0, (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()))
    and setrole in (0, (select oid from pg_catalog.pg_roles where rolname = session_user))) as settings
where not pg_catalog.pg_is_in_recovery() order by of_any_role, in_any_database limit 1`;

/** How the server writes that a setting is on. */
const ON: ReadonlySet<unknown> = new Set(['on', 'true', 'yes', '1', 't', 'y']);

/** Why writes are refused, in plain words with the way out, by the row of {@link SETTING}; `undefined` if no such setting is the cause. */
export function explanationOf(row: Row | undefined): string | undefined {
  if (row === undefined || !ON.has(row['value'])) return undefined;
  const [role, database] = [shown(row['role']), shown(row['database'])];
  switch (row['kind']) {
    case 'role-in-database':
      return sentence(`role ${role} in database ${database}`, `ROLE ${role} IN DATABASE ${database}`);
    case 'role':
      return sentence(`role ${role}`, `ROLE ${role}`);
    case 'database':
      return sentence(`database ${database}`, `DATABASE ${database}`);
    case 'all':
      return sentence('all roles', 'ROLE ALL');
    default:
      return undefined;
  }
}

function sentence(what: string, altered: string): string {
  return (
    `default_transaction_read_only is on for ${what}, so that new sessions refuse writes although the server is the primary: ` +
    `ALTER ${altered} RESET default_transaction_read_only, and replace the open connections with db.drain().`
  );
}

function shown(name: unknown): string {
  return printable(String(name)).slice(0, MAX_SHOWN);
}

interface Known {
  readonly at: number;
  readonly explanation: Promise<string | undefined>;
}

/** Explains writes that a primary refused as read-only by a setting of the role or the database. */
export class RefusedWrites {
  readonly #herd: Herd;
  readonly #known = new Map<string, Known>();
  readonly #explained = new WeakSet<object>();

  constructor(herd: Herd) {
    this.#herd = herd;
  }

  /** Adds the explanation to the error of a write that was refused as read-only, if there is one. Never rejects. */
  async explain(error: unknown, node: string): Promise<void> {
    if (!(error instanceof Error) || classifyError(error).kind !== 'read-only') return;
    if (this.#explained.has(error)) return;
    this.#explained.add(error);
    const explanation = await this.#explanationAt(node);
    if (explanation !== undefined) error.message = `${error.message}. ${explanation}`;
  }

  #explanationAt(node: string): Promise<string | undefined> {
    const now = this.#herd.settings.clock.now();
    const known = this.#known.get(node);
    if (known !== undefined && now - known.at < KEPT_MS) return known.explanation;
    const explanation = this.#ask(node).catch(() => undefined);
    this.#known.set(node, { at: now, explanation });
    return explanation;
  }

  async #ask(node: string): Promise<string | undefined> {
    const ask = this.#herd.nodes.get(node)?.monitor.askSoon;
    if (ask === undefined) return undefined;
    const { rows } = await withLimit(this.#herd.settings.clock, LIMIT_MS, ask(SETTING));
    return explanationOf(rows[0]);
  }
}
