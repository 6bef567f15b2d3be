import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { once } from 'node:events';

const body = 'x'.repeat(1 << 20);
const server = http.createServer((request, response) => request.pipe(response));
await once(server.listen(0, '127.0.0.1'), 'listening');
const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { method: 'POST', body });
assert.equal(answer.status, 200);
assert.equal((await answer.text()).length, body.length);
server.close();
server.closeAllConnections();

const second = http2.createServer().on('stream', (stream) => stream.respond({ ':status': 204 }, { endStream: true }));
await once(second.listen(0, '127.0.0.1'), 'listening');
const client = http2.connect(`http://127.0.0.1:${second.address().port}`);
const [headers] = await once(client.request({ ':path': '/' }), 'response');
assert.equal(headers[':status'], 204);
client.close();
second.close();
