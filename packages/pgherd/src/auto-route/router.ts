import { messageOf } from '../model/errors.ts';
import type { Target } from '../model/names.ts';
import type { RouterPorts, TextRoute, TextRouter } from '../model/text-route.ts';
import { ByText } from '../sql/memo.ts';
import { tagChangesSchema } from '../sql/statement.ts';
import { dependsOnCatalog, type Finding, type Uses } from './finding.ts';
import { objection } from './judge.ts';
import { KnownCatalog, type KnownNames } from './known-catalog.ts';
import type { TextReader } from './read-text.ts';

/** Errors of a standby that say that the statement is none for it: it would write, or cannot be done there. Its text is remembered. */
const NOT_ON_STANDBY: ReadonlySet<string> = new Set(['25006', '0A000', '55000']);
/** Errors of a standby that has not replayed yet what the statement names: columns, functions, types, tables, schemas. */
const NOT_YET_THERE: ReadonlySet<string> = new Set(['42703', '42883', '42704', '42P01', '3F000']);

/** What a router is made of. */
export interface RouterParts {
  readonly reads: Target;
  /** Volatile functions of the application that may run on a standby. */
  readonly allowed: ReadonlySet<string>;
  /** Rejects if there is no parser. */
  readonly reader: Promise<TextReader>;
}

/** What is known about one text. */
interface KnownText {
  readonly finding: Finding;
  /** Whether a standby has refused it: it goes to the primary, whatever the catalog says. */
  isRefused: boolean;
  route: TextRoute | undefined;
  /** The facts by which the route was found; `undefined` if it depends on none. */
  facts: KnownNames | undefined;
  /** The route, while the catalog is asked for it. */
  pending: Promise<TextRoute> | undefined;
}

/** Decides by the texts of one cluster's statements where these go. */
export class Router implements TextRouter {
  readonly #parts: RouterParts;
  readonly #catalog: KnownCatalog;
  readonly #reads: TextRoute;
  /** `undefined` until the parser is there. */
  #texts: ByText<KnownText> | undefined;

  constructor(parts: RouterParts, ports: RouterPorts) {
    this.#parts = parts;
    this.#catalog = new KnownCatalog(ports);
    this.#reads = Object.freeze({ target: parts.reads, why: 'it only reads' });
  }

  routeOf(text: string): TextRoute | Promise<TextRoute> {
    if (this.#texts === undefined) return this.#begin(text);
    const known = this.#texts.of(text);
    const { route, facts } = known;
    if (route !== undefined && (facts === undefined || facts === this.#catalog.current)) return route;
    return this.#decide(known);
  }

  failed(text: string, sqlState: string): boolean {
    if (NOT_YET_THERE.has(sqlState)) return true;
    if (!NOT_ON_STANDBY.has(sqlState)) return false;
    const known = this.#texts?.of(text);
    if (known !== undefined) {
      known.isRefused = true;
      this.#note(known, toPrimary(`it failed with ${sqlState} where reads go`), undefined);
    }
    return true;
  }

  ran(command: string): void {
    if (tagChangesSchema(command)) this.#catalog.forget();
  }

  async #begin(text: string): Promise<TextRoute> {
    const reader = await this.#parts.reader;
    this.#texts ??= new ByText((one) => knownText(reader.read(one)));
    return this.routeOf(text);
  }

  /** The route of a text for which there is none, or one by facts that are old. */
  #decide(known: KnownText): TextRoute | Promise<TextRoute> {
    const { finding } = known;
    if (finding.kind === 'primary') return this.#note(known, toPrimary(finding.why), undefined);
    const { uses } = finding;
    if (!dependsOnCatalog(uses)) return this.#note(known, this.#reads, undefined);
    const facts = this.#catalog.current;
    if (facts?.has(uses) === true) return this.#judge(known, uses, facts);
    known.pending ??= this.#ask(known, uses);
    return known.pending;
  }

  async #ask(known: KnownText, uses: Uses): Promise<TextRoute> {
    try {
      return this.#judge(known, uses, await this.#catalog.with(uses));
    } catch (error) {
      return toPrimary(`the catalog could not be asked: ${messageOf(error)}`);
    } finally {
      known.pending = undefined;
    }
  }

  #judge(known: KnownText, uses: Uses, facts: KnownNames): TextRoute {
    if (known.isRefused && known.route !== undefined) return known.route;
    const why = objection(uses, facts, this.#parts.allowed);
    return this.#note(known, why === undefined ? this.#reads : toPrimary(why), facts);
  }

  #note(known: KnownText, route: TextRoute, facts: KnownNames | undefined): TextRoute {
    known.route = route;
    known.facts = facts;
    return route;
  }
}

function knownText(finding: Finding): KnownText {
  return { finding, isRefused: false, route: undefined, facts: undefined, pending: undefined };
}

function toPrimary(why: string): TextRoute {
  return Object.freeze({ target: 'read-write', why });
}
