import { seen } from './seen.mjs';

void seen(process.env.SMOKE_URL).then((all) => console.log(JSON.stringify(all)));
