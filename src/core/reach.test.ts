import { expect, it } from 'vitest';
import { mayLead, reachOf, reachOfHost } from './reach.ts';

it.each([
  ['93.184.216.34', 'public'],
  ['2606:2800:220:1::1', 'public'],
  ['172.32.0.1', 'public'],
  ['10.1.2.3', 'private'],
  ['100.64.0.1', 'private'],
  ['172.16.0.1', 'private'],
  ['172.31.255.255', 'private'],
  ['192.168.0.1', 'private'],
  ['fd12::1', 'private'],
  ['127.0.0.1', 'loopback'],
  ['127.255.0.9', 'loopback'],
  ['0.0.0.0', 'loopback'],
  ['::1', 'loopback'],
  ['::', 'loopback'],
  ['169.254.169.254', 'link-local'],
  ['fe80::1', 'link-local'],
  ['fd00:ec2::254', 'link-local'],
  // The same in other clothes.
  ['::ffff:127.0.0.1', 'loopback'],
  ['::ffff:7f00:1', 'loopback'],
  ['::ffff:169.254.169.254', 'link-local'],
  ['::ffff:a9fe:a9fe', 'link-local'],
  ['0:0:0:0:0:ffff:a00:1', 'private'],
  ['::10.0.0.1', 'private'],
  ['64:ff9b::a9fe:a9fe', 'link-local'],
  ['2002:a00:1::', 'private'],
  ['::ffff:93.184.216.34', 'public'],
])('%s is %s', (address, reach) => {
  expect(reachOf(address)).toBe(reach);
});

it.each([
  ['http://127.1/', 'loopback'],
  ['http://0x7f000001/', 'loopback'],
  ['http://2130706433/', 'loopback'],
  ['http://[::ffff:169.254.169.254]/', 'link-local'],
  ['http://LOCALHOST:2375/', 'loopback'],
  ['http://a.localhost/', 'loopback'],
  ['http://localhost./', 'loopback'],
  ['http://registry.example/', undefined],
])('the host of %s is %s', (url, reach) => {
  expect(reachOfHost(new URL(url).hostname)).toBe(reach);
});

it.each([
  ['public', 'public', true],
  ['public', 'private', false],
  ['public', 'loopback', false],
  ['private', 'private', true],
  ['private', 'loopback', false],
  ['loopback', 'private', true],
  ['loopback', 'loopback', true],
  ['loopback', 'link-local', false],
  ['link-local', 'link-local', false],
] as const)('from %s to %s: %s', (from, to, may) => {
  expect(mayLead(from, to)).toBe(may);
});
