const assert = require('assert');
const http2 = require('http2');

module.exports = async () => {
  const server = http2.createServer().on('stream', (stream) => stream.respond({ ':status': 204 }, { endStream: true }));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${server.address().port}`);
  const headers = await new Promise((resolve, reject) =>
    client.request({ ':path': '/' }).on('response', resolve).on('error', reject)
  );
  assert.strictEqual(headers[':status'], 204);
  // Before 9.4 a session was not closed, but destroyed.
  (client.close || client.destroy).call(client);
  server.close();
};
