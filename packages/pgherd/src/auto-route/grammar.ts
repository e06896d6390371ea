/** Names, one after the other, as a set. */
export function names(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Nodes of PostgreSQL's parse trees that may be part of a statement that only reads. Every other node is for the primary. */
export const READING_NODES: ReadonlySet<string> = names(`
  SelectStmt ResTarget ColumnRef A_Star A_Const A_Expr A_ArrayExpr A_Indices A_Indirection ParamRef BoolExpr NullTest BooleanTest
  CaseExpr CaseWhen CoalesceExpr MinMaxExpr TypeCast TypeName CollateClause FuncCall NamedArgExpr RowExpr SubLink GroupingFunc
  GroupingSet SQLValueFunction SortBy WindowDef WithClause CommonTableExpr CTESearchClause CTECycleClause RangeVar RangeSubselect
  RangeFunction RangeTableSample RangeTableFunc RangeTableFuncCol JoinExpr Alias ColumnDef String Integer Float Boolean BitString
  List SetToDefault XmlExpr XmlSerialize JsonIsPredicate JsonFormat JsonReturning JsonOutput JsonValueExpr JsonKeyValue
  JsonObjectConstructor JsonArrayConstructor JsonArrayQueryConstructor JsonObjectAgg JsonArrayAgg JsonAggConstructor JsonParseExpr
  JsonScalarExpr JsonSerializeExpr JsonFuncExpr JsonArgument JsonBehavior JsonTable JsonTableColumn JsonTablePathSpec
  RangeJsonTable`);

/** Properties of these nodes that hold other nodes. Every other one is for the primary. */
export const READING_PROPERTIES: ReadonlySet<string> = names(`
  stmt val sval ival fval boolval bsval isnull items
  distinctClause targetList fromClause whereClause groupClause havingClause windowClause valuesLists sortClause limitOffset limitCount
  withClause larg rarg ctes ctequery aliascolnames search_clause search_col_list cycle_clause cycle_col_list cycle_mark_value cycle_mark_default
  indirection fields name lexpr rexpr arg args elements lidx uidx whenClauses whenclauses expr result defresult testexpr subselect operName
  typeName names typmods arrayBounds collname funcname agg_order agg_filter over row_args colnames content
  partitionClause orderClause startOffset endOffset node useOp relation alias subquery functions coldeflist
  method repeatable usingClause quals join_using_alias larg rarg
  query docexpr rowexpr namespaces columns colexpr coldefexpr named_args
  format returning output key value raw_expr formatted_expr constructor exprs func context_item pathspec passing on_empty on_error string
  on_exists wrapper default_expr raw_default collClause`);

/** What the most usual nodes that do not only read do; for sentences. */
export const REASONS: ReadonlyMap<string, string> = new Map([
  ['intoClause', 'it makes a table (INTO)'],
  ['lockingClause', 'it locks rows (FOR UPDATE and its like)'],
  ['InsertStmt', 'it writes (INSERT)'],
  ['UpdateStmt', 'it writes (UPDATE)'],
  ['DeleteStmt', 'it writes (DELETE)'],
  ['MergeStmt', 'it writes (MERGE)'],
  ['TruncateStmt', 'it writes (TRUNCATE)'],
  ['CopyStmt', 'it is a COPY'],
  ['CallStmt', 'it calls a procedure'],
  ['DoStmt', 'it runs a block of code (DO)'],
  ['TransactionStmt', 'it begins or ends a transaction'],
  ['VariableSetStmt', 'it is of one session (SET)'],
  ['VariableShowStmt', 'it is about one session (SHOW)'],
  ['DiscardStmt', 'it is of one session (DISCARD)'],
  ['PrepareStmt', 'it is of one session (PREPARE)'],
  ['ExecuteStmt', 'it is of one session (EXECUTE)'],
  ['DeallocateStmt', 'it is of one session (DEALLOCATE)'],
  ['DeclareCursorStmt', 'it is of one session (DECLARE)'],
  ['FetchStmt', 'it is of one session (FETCH)'],
  ['ClosePortalStmt', 'it is of one session (CLOSE)'],
  ['ListenStmt', 'it is of one session (LISTEN)'],
  ['UnlistenStmt', 'it is of one session (UNLISTEN)'],
  ['NotifyStmt', 'it sends a notification (NOTIFY)'],
  ['LockStmt', 'it locks a table'],
]);

/** Options of EXPLAIN with which nothing is executed. */
export const EXPLAIN_OPTIONS: ReadonlySet<string> = names(
  'verbose costs settings generic_plan buffers summary memory format',
);
