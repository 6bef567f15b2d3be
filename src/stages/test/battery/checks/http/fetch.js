const assert = require('assert');
const http = require('http');

module.exports = async () => {
  const server = http.createServer((request, response) => request.pipe(response));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, {
    method: 'POST',
    body: 'x'.repeat(1 << 20),
  });
  assert.strictEqual(answer.status, 200);
  assert.strictEqual((await answer.text()).length, 1 << 20);
  server.close();
  if (server.closeAllConnections) server.closeAllConnections();
};
