const { seen } = require('./seen.cjs');

void seen(process.env.SMOKE_URL).then((all) => console.log(JSON.stringify(all)));
