import { describe, expect, it } from 'vitest';
import { expandText, expandWord, splitWords, WordError } from './expand-words.ts';
import { parseTestDockerfile } from './parse-test-dockerfile.ts';
import { pathExpression, readDockerignore } from './path-patterns.ts';

// Source: the Dockerfile reference ("Environment replacement"), and BuildKit's own table of the shell lexer (envVarTest).
describe('a word', () => {
  const variables: Readonly<Record<string, string>> = { A: 'one', B: 'a b', EMPTY: '', FILE: 'dir/name.tar.gz' };
  const options = { escape: '\\', lookup: (name: string) => variables[name] };
  it.each([
    ['plain', 'plain'],
    ['$A', 'one'],
    ['${A}x', 'onex'],
    ['"$B"', 'a b'],
    ["'$A'", '$A'],
    ['\\$A', '$A'],
    ['"\\$A \\x"', '$A \\x'],
    ['${NONE:-default}', 'default'],
    ['${EMPTY:-default}', 'default'],
    ['${EMPTY-default}', ''],
    ['${A:+set}', 'set'],
    ['${NONE:+set}', ''],
    ['${NONE:-${A}}', 'one'],
    ['${FILE#*/}', 'name.tar.gz'],
    ['${FILE%.*}', 'dir/name.tar'],
    ['${FILE%%.*}', 'dir/name'],
    ['${FILE/tar/zip}', 'dir/name.zip.gz'],
    ['${FILE//a/_}', 'dir/n_me.t_r.gz'],
    ['$', '$'],
    ['a"b"\'c\'', 'abc'],
  ])('%s becomes %s', (word, expected) => expect(expandWord(word, options)).toBe(expected));

  it.each(['${A', '"open', "'open", '${A:?}x${NONE:?gone}', '${A^}'])('%s is refused', (word) =>
    expect(() => expandWord(word, options)).toThrow(WordError),
  );

  it('is cut at white space outside of quotes, and a heredoc keeps its quotes', () => {
    expect(splitWords('a "b c" \'d e\' f\\ g', '\\')).toEqual(['a', '"b c"', "'d e'", 'f\\ g']);
    expect(expandText('"$A" \\$A', options)).toBe('"one" $A');
  });
});

describe('.dockerignore', () => {
  const isIgnored = readDockerignore('# comment\n*.log\nbuild\n!build/keep.txt\n**/temp?\n/docs/*.md\n');
  it.each([
    ['a.log', true],
    ['sub/a.log', false],
    ['build/x', true],
    ['build/keep.txt', false],
    ['deep/down/temp1', true],
    ['temp', false],
    ['docs/a.md', true],
    ['docs/sub/a.md', false],
  ])('%s: %s', (path, expected) => expect(isIgnored(path)).toBe(expected));

  it('patterns do not cross folders unless they say so', () => {
    expect(pathExpression('a/*/c').test('a/b/c')).toBe(true);
    expect(pathExpression('a/*/c').test('a/b/b/c')).toBe(false);
    expect(pathExpression('a/**').test('a/b/c')).toBe(true);
    expect(pathExpression('[a-c]x').test('bx')).toBe(true);
  });
});

it('reads both forms of each instruction, escapes and heredocs', () => {
  const text = [
    '# escape=`',
    'RUN one `',
    '  # why',
    '',
    '  two',
    'RUN ["a", "b c"]',
    'RUN <<EOF',
    'three',
    'EOF',
    "RUN cat <<-'X' && four",
    '\tfive',
    '\tX',
    'COPY --chown=1:2 --chmod=755 a ["b"] /c/',
    'ENV A=1 B="two words"',
    'ENV old  value here',
    'ARG X Y=1',
    'SHELL ["/bin/bash", "-c"]',
    'CMD run me',
  ].join('\n');
  const { escape, instructions } = parseTestDockerfile(text, 'Dockerfile');
  expect(escape).toBe('`');
  expect(instructions).toMatchObject([
    { kind: 'run', line: 2, form: 'shell', args: ['one   two'] },
    { kind: 'run', line: 6, form: 'exec', args: ['a', 'b c'] },
    { kind: 'run', line: 7, form: 'shell', args: ['three\n'] },
    { kind: 'run', line: 10, form: 'shell', args: ["cat <<-'X' && four\n\tfive\n\tX"] },
    { kind: 'copy', line: 13, sources: ['a', '["b"]'], target: '/c/', chown: '1:2', chmod: '755' },
    {
      kind: 'env',
      pairs: [
        ['A', '1'],
        ['B', '"two words"'],
      ],
    },
    { kind: 'env', pairs: [['old', 'value here']] },
    {
      kind: 'arg',
      pairs: [
        ['X', undefined],
        ['Y', '1'],
      ],
    },
    { kind: 'shell', args: ['/bin/bash', '-c'] },
    { kind: 'cmd', form: 'shell', args: ['run me'] },
  ]);
});

it('runs a heredoc whatever its name is, and by what its first line names', () => {
  const { instructions } = parseTestDockerfile(
    'RUN <<run.sh\nfalse\nrun.sh\nRUN <<EOF-1\n#!/bin/sh -e\nfalse\nEOF-1\nCOPY <<robots.txt <<humans.txt /dir/\na\nrobots.txt\nb\nhumans.txt\n',
    'D',
  );
  expect(instructions).toMatchObject([
    { kind: 'run', form: 'shell', args: ['false\n'] },
    { kind: 'run', form: 'exec', args: ['/bin/sh', '-e'], input: '#!/bin/sh -e\nfalse\n' },
    { kind: 'copy', sources: [], target: '/dir/', documents: [{ name: 'robots.txt' }, { name: 'humans.txt' }] },
  ]);
});

it.each([
  ['RUN echo a\\\\\nRUN false', /D:1: it is not clear where this instruction ends/],
  ['RUN x\nFROM scratch', /D:2: FROM does not belong/],
  ['COPY a', /needs a source and a target/],
  ['COPY --from=x a b', /names another stage/],
  ['ADD https://example.com/x /x', /no network/],
  ['RUN --mount=type=secret,id=x cat', /type=secret is not to be had/],
  ['RUN --network=host x', /--network=host/],
  ['SHELL /bin/bash', /SHELL needs a JSON list/],
  ['ONBUILD FROM x', /ONBUILD FROM is not allowed/],
  ['HEALTHCHECK what', /HEALTHCHECK is NONE or CMD/],
  ['RUN', /RUN needs an argument/],
  ['COPY --chmod=rwx a b', /no octal mode/],
  ['RUNN x', /no instruction "RUNN"/],
])('refuses %j', (text, message) => expect(() => parseTestDockerfile(text, 'D')).toThrow(message));
