import { test } from 'vitest';
import { seen } from './seen.mjs';

test('an application sees the library', async () => {
  console.log(JSON.stringify(await seen(process.env.SMOKE_URL)));
});
