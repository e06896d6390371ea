const { seen } = require('./seen.cjs');

test('an application sees the library', async () => {
  console.log(JSON.stringify(await seen(process.env.SMOKE_URL)));
});
