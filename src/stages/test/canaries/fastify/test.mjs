import assert from 'node:assert/strict';
import Fastify from 'fastify';

const app = Fastify();
const body = { type: 'object', required: ['n'], properties: { n: { type: 'integer' } } };
app.post('/double', { schema: { body } }, ({ body: { n } }) => ({ n: n * 2 }));
await app.listen({ port: 0, host: '127.0.0.1' });
const url = `http://127.0.0.1:${app.server.address().port}/double`;
const post = (value) =>
  fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) });
assert.deepEqual(await (await post({ n: 21 })).json(), { n: 42 });
assert.equal((await post({})).status, 400);
await app.close();
