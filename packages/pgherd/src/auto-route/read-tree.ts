import { type Finding, primaryBecause, type QualifiedName, type Uses } from './finding.ts';
import { EXPLAIN_OPTIONS, READING_NODES, READING_PROPERTIES, REASONS } from './grammar.ts';

type Node = Readonly<Record<string, unknown>>;

/** A node or a list, and the property or the kind of node by which it was reached. */
type Place = readonly [key: string, value: object];

/**
 * What a parse tree says of its text: whether it can only read, and what it uses. Pure. A tree that holds anything that is not known to
 * read is for the primary, so that a statement that a later PostgreSQL adds is so too.
 */
export function readTree(tree: unknown): Finding {
  const statements = asNode(tree)['stmts'];
  if (!Array.isArray(statements) || statements.length === 0)
    return primaryBecause('there is no statement in it');
  if (statements.length > 1) return primaryBecause(`it has ${statements.length} statements`);
  const statement = asNode(asNode(statements[0])['stmt']);
  const [kind = ''] = Object.keys(statement);
  if (kind === 'ExplainStmt') return readExplain(asNode(statement[kind]));
  if (kind !== 'SelectStmt') return primaryBecause(reasonFor(kind));
  return new Reading().read(statement);
}

/** EXPLAIN of a read, unless it executes it. */
function readExplain({ query, options }: Node): Finding {
  for (const option of Array.isArray(options) ? options : []) {
    const name = asNode(asNode(option)['DefElem'])['defname'];
    if (!EXPLAIN_OPTIONS.has(String(name)))
      return primaryBecause(
        name === 'analyze' ? 'it executes what it explains' : 'it is an EXPLAIN with more than usual',
      );
  }
  return Object.keys(asNode(query))[0] === 'SelectStmt'
    ? new Reading().read(asNode(query))
    : primaryBecause('it explains what is no SELECT');
}

/** One reading of one tree, without recursion: a text may nest as deeply as it likes. */
class Reading {
  readonly #functions: QualifiedName[] = [];
  readonly #relations: QualifiedName[] = [];
  readonly #ctes = new Set<string>();
  readonly #operators = new Set<string>();
  readonly #types = new Set<string>();
  readonly #columns = new Set<string>();
  readonly #settings: (string | undefined)[] = [];
  readonly #places: Place[] = [];

  read(statement: Node): Finding {
    this.#places.push(['stmt', statement]);
    for (let place = this.#places.pop(); place !== undefined; place = this.#places.pop()) {
      const why = this.#look(place);
      if (why !== undefined) return primaryBecause(why);
    }
    return Object.freeze({ kind: 'read', uses: this.#uses() });
  }

  /** Why a place makes the statement one for the primary; `undefined` if it does not. */
  #look([key, value]: Place): string | undefined {
    if (Array.isArray(value)) {
      for (const one of value) if (isObject(one)) this.#places.push([key, one]);
      return undefined;
    }
    this.#note(key, value as Node);
    for (const [name, inner] of Object.entries(value)) {
      if (!isObject(inner)) continue;
      if (!READING_NODES.has(name) && !READING_PROPERTIES.has(name)) return reasonFor(name);
      this.#places.push([name, inner]);
    }
    return undefined;
  }

  #note(key: string, node: Node): void {
    switch (key) {
      case 'FuncCall': {
        const called = qualified(node['funcname']);
        this.#functions.push(called);
        if (called.name === 'current_setting') this.#settings.push(firstText(node['args']));
        return;
      }
      case 'RangeVar':
      case 'relation':
        if (typeof node['relname'] === 'string') this.#relations.push(relationOf(node));
        return;
      case 'RangeTableSample':
        this.#functions.push(qualified(node['method']));
        return;
      case 'CommonTableExpr':
        this.#ctes.add(String(node['ctename']));
        return;
      case 'A_Expr':
        this.#operators.add(qualified(node['name']).name);
        return;
      case 'SubLink':
        if (node['operName'] !== undefined) this.#operators.add(qualified(node['operName']).name);
        return;
      case 'SortBy':
      case 'sortby':
        if (node['useOp'] !== undefined) this.#operators.add(qualified(node['useOp']).name);
        return;
      case 'TypeName':
      case 'typeName':
        this.#types.add(qualified(node['names']).name);
        return;
      case 'ColumnRef':
        noteLast(node['fields'], 2, this.#columns);
        return;
      case 'A_Indirection':
        noteAll(node['indirection'], this.#columns);
    }
  }

  #uses(): Uses {
    return Object.freeze({
      functions: this.#functions,
      relations: this.#relations,
      ctes: this.#ctes,
      operators: this.#operators,
      types: this.#types,
      columns: this.#columns,
      settings: this.#settings,
    });
  }
}

function reasonFor(name: string): string {
  return REASONS.get(name) ?? `it has a part that is not known to read: ${name.replace(/Stmt$/, '')}`;
}

function relationOf(node: Node): QualifiedName {
  const schema = node['schemaname'];
  return { schema: typeof schema === 'string' ? schema : undefined, name: String(node['relname']) };
}

/** A list of names, of which the last two count. */
function qualified(list: unknown): QualifiedName {
  const parts = texts(list);
  return { schema: parts.at(-2), name: parts.at(-1) ?? '' };
}

function noteLast(list: unknown, least: number, into: Set<string>): void {
  const parts = texts(list);
  const last = parts.at(-1);
  if (parts.length >= least && last !== undefined) into.add(last);
}

function noteAll(list: unknown, into: Set<string>): void {
  for (const part of texts(list)) into.add(part);
}

function texts(list: unknown): string[] {
  return (Array.isArray(list) ? list : [])
    .map((one) => asNode(asNode(one)['String'])['sval'])
    .filter((text) => typeof text === 'string');
}

/** The text of the first argument, if it is one that stands in the statement. */
function firstText(args: unknown): string | undefined {
  const [first] = Array.isArray(args) ? args : [];
  const text = asNode(asNode(asNode(first)['A_Const'])['sval'])['sval'];
  return typeof text === 'string' ? text : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function asNode(value: unknown): Node {
  return isObject(value) ? (value as Node) : NOTHING;
}

const NOTHING: Node = Object.freeze({});
