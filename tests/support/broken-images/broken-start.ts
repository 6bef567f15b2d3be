import { changeEnv, files, passOn, program, textFile, wrapped, type BrokenImage } from './break-image.ts';

/** How the image starts, and what only some variants have: entrypoint, signals, heap, package managers, tools. */
export const brokenStart: readonly BrokenImage[] = [
  {
    ids: ['orphans'],
    what: 'no init',
    breakage: files(
      program(
        'usr/bin/tini',
        `#!/usr/local/bin/node\nconst [, , , file, ...args] = process.argv; const { spawn } = require('child_process'); ${passOn('', "'inherit'")}`,
      ),
    ),
  },
  {
    ids: ['stdin'],
    what: 'an entrypoint without stdin',
    breakage: wrapped(passOn('', "['ignore', 'inherit', 'inherit']")),
  },
  {
    ids: ['terminal'],
    what: 'an entrypoint without a terminal',
    breakage: wrapped(
      "const child = spawn(file, args); child.stdout.pipe(process.stdout); child.on('close', (code) => process.exit(code ?? 1));",
    ),
  },
  {
    ids: ['signals/handled', 'signals/default'],
    what: 'an entrypoint that keeps signals',
    breakage: wrapped(`process.on('SIGTERM', () => process.exit(7)); ${passOn('', "'inherit'")}`),
  },
  {
    ids: ['heap-limit/128MB', 'heap-limit/256MB', 'heap-limit/512MB', 'heap-limit/2048MB'],
    what: 'a heap as large as the container',
    breakage: changeEnv((line) =>
      line.startsWith('NODE_OPTIONS') ? 'NODE_OPTIONS=--max-old-space-size-percentage=100' : line,
    ),
  },
  {
    ids: ['heap-limit/override'],
    what: 'a heap that cannot be chosen',
    breakage: wrapped(passOn("'--max-old-space-size=300', ", "'inherit'")),
  },
  {
    ids: ['starts'],
    what: 'a node that does not run',
    cell: { variant: 'image', traits: ['foreign-base'] },
    breakage: files(program('usr/local/bin/node', 'no program')),
  },
  {
    ids: ['shell'],
    what: 'half a package database',
    variant: 'slim',
    breakage: files(textFile('var/lib/dpkg/status', '')),
  },
  {
    ids: ['npm/install'],
    what: 'an npm that does not run',
    variant: 'slim',
    breakage: files(textFile('usr/local/lib/node_modules/npm/bin/npm-cli.js', 'process.exit(3)')),
  },
  {
    ids: ['corepack'],
    what: 'a corepack that does not run',
    variant: 'slim',
    breakage: files(textFile('usr/local/lib/node_modules/corepack/dist/corepack.js', 'process.exit(3)')),
  },
  {
    ids: ['entrypoint/option', 'entrypoint/file', 'entrypoint/unknown', 'entrypoint/command'],
    what: 'an entrypoint that does nothing',
    variant: 'slim',
    breakage: () => ({ files: [program('none')], config: { Entrypoint: ['/none'] } }),
  },
  {
    ids: ['toolchain'],
    what: 'no headers',
    variant: 'build',
    breakage: files(textFile('usr/local/include/node/node_api.h', '#error none\n')),
  },
];
