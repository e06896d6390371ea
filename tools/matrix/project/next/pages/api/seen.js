import { seen } from '../../../seen.mjs';

export default async function handler(_request, response) {
  response.status(200).json(await seen(process.env.SMOKE_URL));
}
