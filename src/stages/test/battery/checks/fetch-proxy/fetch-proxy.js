// A child with proxy variables must ask the proxy; where the release cannot, it must not pretend to.
const assert = require('assert');
const { execFile } = require('child_process');
const { createServer } = require('http');
const { promisify } = require('util');
const { capable } = require('/nodeworthy-test/check.js');

module.exports = async () => {
  const asked = [];
  const proxy = createServer((request, response) => {
    asked.push(request.url);
    response.end('from the proxy');
  }).on('connect', (request, socket) => {
    asked.push(request.url);
    socket.once('data', () =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 14\r\nconnection: close\r\n\r\nfrom the proxy')
    );
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${proxy.address().port}`;
  const code = 'fetch("http://nowhere.invalid/x").then((r) => r.text()).then(console.log, () => console.log("direct"))';
  const env = {
    ...process.env,
    NODE_USE_ENV_PROXY: '1',
    HTTP_PROXY: address,
    http_proxy: address,
    NO_PROXY: '',
    no_proxy: '',
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '-e', code], { env });
  proxy.close();
  if (proxy.closeAllConnections) proxy.closeAllConnections();
  if (!capable('proxy-variables')) return assert.strictEqual(stdout.trim(), 'direct');
  assert.strictEqual(stdout.trim(), 'from the proxy', 'fetch does not use the proxy of the environment');
  assert.match(asked.join(), /nowhere\.invalid/);
};
