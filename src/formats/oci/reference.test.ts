import { expect, it } from 'vitest';
import { isLoopback, parseRepository } from './reference.ts';

it.each([
  ['localhost:5000/acme/node', 'localhost:5000', 'acme/node'],
  ['registry.example.com/a/b_c', 'registry.example.com', 'a/b_c'],
  ['127.0.0.1/x', '127.0.0.1', 'x'],
])('reads %s', (text, registry, repository) => {
  expect(parseRepository(text)).toEqual({ registry, repository });
});

it.each([
  ['acme/node', 'host'],
  ['node', 'host'],
  ['localhost:5000/acme/node:24', 'tag'],
  ['localhost:5000/Acme', 'lower-case'],
  ['https://localhost/x', 'in full'],
])('refuses %s with advice', (text, advice) => {
  expect(() => parseRepository(text)).toThrow(expect.objectContaining({ code: 'USAGE', message: expect.any(String) }));
  try {
    parseRepository(text);
  } catch (error) {
    expect(`${(error as Error).message} ${(error as { hint: string }).hint}`).toContain(advice);
  }
});

it.each([
  ['localhost:5000', true],
  ['127.0.0.1:80', true],
  ['[::1]:80', true],
  ['localhost.example.com', false],
  ['10.0.0.1', false],
])('isLoopback(%s) is %s', (registry, expected) => {
  expect(isLoopback(registry)).toBe(expected);
});
