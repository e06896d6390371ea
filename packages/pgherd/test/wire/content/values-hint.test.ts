import { expect, it } from 'vitest';
import { valuesHint } from '../../../src/wire/content/values-hint.ts';

const SYNTAX = '42601';
const NO_COLUMN = '42703';
const NO_OPERATOR = '42883';
const PROTOCOL = '08P01';

it.each<[string, string, number, RegExp | undefined]>([
  ['select * from t where a = ? and b = ?', SYNTAX, 2, /\$1, \$2, … .*"\?"/],
  ['insert into t values (?, ?)', SYNTAX, 2, /"\?"/],
  ['select * from t where id = :id', SYNTAX, 1, /":id"/],
  ['select * from t where id = @id', NO_COLUMN, 1, /"@id"/],
  ['select * from t where id = $id', SYNTAX, 1, /"\$id"/],
  ['select a ? b from t', NO_OPERATOR, 1, /"\?"/],
  // The values are written as they must be: the error has another reason.
  ['select * form t where a = $1 and b ? $2', SYNTAX, 2, undefined],
  ['select a::text, b[1:n] form t', SYNTAX, 1, undefined],
  ['select * form t', SYNTAX, 1, undefined],
  ['select * from t where a = ?', SYNTAX, 0, undefined],
  ["select '?', ':a', $x$ ? :b $x$, \"@c\" /* ? :d */ form t -- ? @e", SYNTAX, 1, undefined],
  ["select ':a' form t where b = :b", SYNTAX, 1, /":b"/],
  ['select * from t where a = ?', '23505', 1, undefined],
  ['select $1, $2', PROTOCOL, 1, /^The text has 2 parameters, \$1 to \$2; 1 value was given\.$/],
  ['select $1, $1', PROTOCOL, 3, /^The text has one parameter, \$1; 3 values were given\.$/],
  ['select 1', PROTOCOL, 2, /^The text has no parameter \(\$1, \$2, …\); 2 values were given\.$/],
  ["select '?', x from t where x ? y", PROTOCOL, 1, /no parameter .*; 1 value was given\. .*"\?"/],
  ['select $1', PROTOCOL, 0, /one parameter, \$1; 0 values were given/],
  ["select '$2', $1", PROTOCOL, 2, /one parameter, \$1; 2 values/],
  ['select $1, $3', '42P18', 3, /^The text has \$3 and no \$2/],
  ['select $1, $2', PROTOCOL, 2, undefined],
  ['select $1', '42P02', 0, /one parameter, \$1; 0 values/],
])('%s, answered by %s with %i values', (text, code, count, expected) => {
  const hint = valuesHint(code, { text, values: Array.from({ length: count }, () => 'hunter2') });
  if (expected === undefined) expect(hint).toBeUndefined();
  else expect(hint).toMatch(expected);
  expect(hint ?? '').not.toContain('hunter2');
});
