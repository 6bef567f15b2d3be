// Talks to a TLS server of its own, whose authority is trusted only through the store under test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import https from 'node:https';

const folder = '/nodeworthy-test';
const server = https.createServer(
  { key: readFileSync(`${folder}/server.key`), cert: readFileSync(`${folder}/server.crt`) },
  (_, response) => response.end('hello'),
);
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const outcome = await new Promise((resolve) => {
  https
    .get({ host: 'localhost', port: server.address().port, agent: false }, (response) =>
      response.resume().on('end', () => resolve('trusted')),
    )
    .on('error', (error) => resolve(error.code));
});
server.close();
if (process.env.EXPECTED_TRUST === 'yes') assert.equal(outcome, 'trusted', 'the store is not honoured');
else assert.notEqual(outcome, 'trusted', 'a server with an unknown authority was trusted');
