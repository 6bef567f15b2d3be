import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { hostname } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpClient } from './http.ts';

const http = createHttpClient();
const server = createServer((_, response) => response.end('reached'));
let port = 0;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ({ port } = server.address() as AddressInfo);
});

afterAll(async () => {
  await http.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('an address that an answer named', () => {
  it.each([
    ['https://registry.example/v2/', 'http://registry.example/v2/x', /not encrypted/],
    ['https://registry.example/', 'http://registry.example:443/', /not encrypted/],
    ['https://registry.example/', 'https://127.0.0.1:2375/', /an address of this machine/],
    ['https://registry.example/', 'https://localhost:2375/', /an address of this machine/],
    ['https://registry.example/', 'https://[::1]/', /an address of this machine/],
    ['https://registry.example/', 'https://[::ffff:7f00:1]/', /an address of this machine/],
    ['https://registry.example/', 'https://0x7f.1/', /an address of this machine/],
    ['https://registry.example/', 'https://10.0.0.5/', /an address of a private network/],
    ['https://registry.example/', 'https://169.254.169.254/latest/meta-data/', /an address of this link/],
    ['https://registry.example/', 'https://[::ffff:169.254.169.254]/', /an address of this link/],
    ['http://127.0.0.1:5000/', 'http://169.254.169.254/', /an address of this link/],
    ['http://10.0.0.1/', 'http://127.0.0.1/', /an address of this machine/],
  ])('from %s to %s is not followed', async (ledBy, url, message) => {
    await expect(http.send(url, { ledBy })).rejects.toThrow(message);
  });

  it('is judged by what its name means, and that address is used', async () => {
    const fresh = createHttpClient();
    try {
      // The name of this machine is an address near us, whichever it is.
      const url = `http://${hostname()}:${port}/`;
      await expect(fresh.send(url, { ledBy: 'http://registry.example/' })).rejects.toThrow(/leads to .* an address of/);
    } finally {
      await fresh.close();
    }
  });

  it('is reached from a machine that is as near, and by whoever names it', async () => {
    for (const options of [{}, { ledBy: 'http://127.0.0.1:5000/' }]) {
      const response = await http.send(`http://127.0.0.1:${port}/`, options);
      expect(await response.body.text()).toBe('reached');
    }
  });
});
