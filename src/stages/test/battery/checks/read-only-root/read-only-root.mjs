import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { once } from 'node:events';

assert.throws(() => writeFileSync('/app/x', 'x'), { code: 'EROFS' });
writeFileSync('/tmp/x', 'y');
assert.equal(readFileSync('/tmp/x', 'utf8'), 'y');
const server = http.createServer((_, response) => response.end('up'));
await once(server.listen(0, '127.0.0.1'), 'listening');
const [response] = await once(http.get({ port: server.address().port, host: '127.0.0.1' }), 'response');
assert.equal((await response.toArray()).join(''), 'up');
server.close();
server.closeAllConnections();
