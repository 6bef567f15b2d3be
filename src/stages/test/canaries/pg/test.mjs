// A server that speaks as much of PostgreSQL's protocol as one query needs.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import pg from 'pg';

const message = (type, ...parts) => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
};
const int16 = (value) => Buffer.from([value >> 8, value & 255]);
const int32 = (value) => Buffer.from([value >> 24, value >> 16, value >> 8, value].map((byte) => byte & 255));
const ready = message('Z', 'I');
const server = createServer((socket) => {
  socket.once('data', () => {
    socket.write(Buffer.concat([message('R', int32(0)), ready]));
    socket.on('data', (query) => {
      if (query.toString('latin1', 0, 1) !== 'Q') return;
      const column = ['answer\0', int32(0), int16(0), int32(23), int16(4), int32(-1), int16(0)];
      const row = message('D', int16(1), int32(2), '42');
      socket.write(Buffer.concat([message('T', int16(1), ...column), row, message('C', 'SELECT 1\0'), ready]));
    });
  });
  socket.on('error', () => {});
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const client = new pg.Client({ host: '127.0.0.1', port: server.address().port, user: 'u', database: 'd', ssl: false });
await client.connect();
assert.deepEqual((await client.query('select 42 as answer')).rows, [{ answer: 42 }]);
await client.end();
server.close();
