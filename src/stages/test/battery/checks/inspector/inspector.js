// Whoever may run the process must be able to look into it: the inspector answers over HTTP.
const assert = require('assert');
const { spawn } = require('child_process');
const http = require('http');

module.exports = (done) => {
  const child = spawn(process.execPath, ['--inspect=127.0.0.1:9229', '-e', 'setInterval(() => {}, 1000)'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  let isAsked = false;
  child.stderr.on('data', (chunk) => {
    text += chunk;
    const match = /ws:\/\/(127\.0\.0\.1):(\d+)\//.exec(text);
    if (!match || isAsked) return;
    isAsked = true;
    http.get({ host: match[1], port: match[2], path: '/json/list', agent: false }, (response) => {
      let body = '';
      response.on('data', (part) => (body += part));
      response.on('end', () => {
        child.kill('SIGKILL');
        const [target] = JSON.parse(body);
        assert.strictEqual(target.type, 'node');
        assert.ok(/^ws:/.test(target.webSocketDebuggerUrl));
        done();
      });
    });
  });
  child.on('close', () => {
    if (!isAsked) done(new Error(`the inspector did not open: ${text}`));
  });
};
