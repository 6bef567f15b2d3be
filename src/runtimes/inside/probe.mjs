// Runs in the network of a container: one request a line, one answer a line, in the same order.
import { request } from 'node:http';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const maxBodyBytes = 1 << 20;

for await (const line of createInterface({ input: process.stdin }))
  process.stdout.write(`${JSON.stringify(await ask(JSON.parse(line)))}\n`);

function ask({ host = '127.0.0.1', port, path, method = 'GET', headers = {}, body, timeoutMs }) {
  return new Promise((resolve) => {
    const fail = (error) => resolve({ ok: false, error: error.code ?? error.message });
    const late = setTimeout(() => fail(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs);
    const done = (answer) => (clearTimeout(late), resolve(answer));
    if (path === undefined) {
      const socket = connect(
        port,
        host,
        () => (socket.destroy(), done({ ok: true, status: 0, headers: {}, body: '' })),
      );
      socket.on('error', (error) => (clearTimeout(late), fail(error)));
      return;
    }
    const options = { host, port, path, method, headers, agent: false, signal: AbortSignal.timeout(timeoutMs) };
    request(options, (response) => {
      const chunks = [];
      let size = 0;
      response.on('data', (chunk) => {
        size += chunk.length;
        if (size <= maxBodyBytes) chunks.push(chunk);
      });
      response.on('error', (error) => (clearTimeout(late), fail(error)));
      response.on('end', () =>
        done({
          ok: true,
          status: response.statusCode,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      );
    })
      .on('error', (error) => (clearTimeout(late), fail(error)))
      .end(body);
  });
}
