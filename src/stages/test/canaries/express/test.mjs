import assert from 'node:assert/strict';
import express from 'express';

const app = express()
  .use(express.json())
  .post('/echo', (request, response) => response.json({ got: request.body }))
  .get('/fail', () => {
    throw new Error('on purpose');
  })
  .use((error, request, response, _next) => response.status(500).send(error.message));
const server = app.listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
const base = `http://127.0.0.1:${server.address().port}`;
const headers = { 'content-type': 'application/json' };
const answer = await fetch(`${base}/echo`, { method: 'POST', headers, body: '{"a":1}' });
assert.deepEqual(await answer.json(), { got: { a: 1 } });
assert.equal((await fetch(`${base}/fail`)).status, 500);
server.close();
server.closeAllConnections();
