import { expect, it } from 'vitest';
import { parseTestDockerfile } from './parse-dockerfile.ts';

it('reads the instructions of a test', () => {
  const text =
    '# syntax=docker/dockerfile:1\nCOPY --chown=1000:0 --chmod=755 a.mjs b /app/\nENV A=1 B="two words"\nUSER 1000\nWORKDIR /app\nRUN ["node", \\\n  # why\n  "a.mjs"]\nRUN node a.mjs && true\n';
  expect(parseTestDockerfile(text, 'Dockerfile')).toMatchObject([
    { kind: 'copy', line: 2, sources: ['a.mjs', 'b'], target: '/app/', owner: { uid: 1000, gid: 0 }, mode: 0o755 },
    { kind: 'env', variables: { A: '1', B: 'two words' } },
    { kind: 'user', user: '1000' },
    { kind: 'workdir', path: '/app' },
    { kind: 'run', line: 6, args: ['node', 'a.mjs'] },
    { kind: 'run', args: ['/bin/sh', '-c', 'node a.mjs && true'] },
  ]);
});

it.each([
  ['RUN x\nFROM scratch', /D:2: FROM does not belong/],
  ['HEALTHCHECK NONE', /D:1: HEALTHCHECK is not understood/],
  ['COPY a', /needs a source and a target/],
  ['COPY *.js /app/', /pattern/],
  ['COPY --from=x a b', /--from is not understood/],
  ['ADD https://example.com/x /x', /no network/],
  ['ADD x.tar.gz /x', /does not unpack/],
  ['COPY --chown=node a b', /only numbers/],
])('refuses %j', (text, message) => {
  expect(() => parseTestDockerfile(text, 'D')).toThrow(message);
});
