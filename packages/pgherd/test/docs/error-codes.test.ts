import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/model/errors.ts';

const root = fileURLToPath(new URL('../../src', import.meta.url));
const source = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n');

test.each(ERROR_CODES)('%s is thrown somewhere: the list promises nothing that does not happen', (code) => {
  // Once in the list itself, once or more where an error is made of it.
  const quoted = source.split(`'${code}'`).length - 1;
  expect(quoted).toBeGreaterThan(1);
});
