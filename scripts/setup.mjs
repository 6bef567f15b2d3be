// Set-up that the README's commands share. Runs on any Node.js from 18 on and uses nothing but what npm and Debian bring.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
export const ownNode = `${root}node_modules/node/bin/node`;

/** Program to the Debian package that has it. */
const packageOf = {
  runc: 'runc',
  dockerd: 'docker.io',
  podman: 'podman',
  skopeo: 'skopeo',
  umoci: 'umoci',
  'docker-registry': 'docker-registry',
  openssl: 'openssl',
  ip: 'iproute2',
  git: 'git',
  iptables: 'iptables',
  xz: 'xz-utils',
  'update-ca-certificates': 'ca-certificates',
  'qemu-aarch64-static': 'qemu-user-static',
  buildah: 'buildah',
  pigz: 'pigz',
  busybox: 'busybox-static',
  nsenter: 'util-linux',
  curl: 'curl',
  pkill: 'procps',
  '/lib/ld-musl-x86_64.so.1': 'musl',
};

/** Runs a program and leaves with its status when it fails. */
export function run(file, args, options = {}) {
  const result = spawnSync(file, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) fail(`cannot start ${file}: ${result.error.message}`);
  if (result.status !== 0) process.exit(result.status ?? 1);
}

export function fail(message, hint) {
  process.stderr.write(`${message}\n${hint ? `hint: ${hint}\n` : ''}`);
  process.exit(1);
}

/** The same for something that takes long: a sign of life every few seconds. */
async function runSlowly(what, file, args, options = {}) {
  const started = Date.now();
  const child = spawn(file, args, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], ...options });
  const timer = setInterval(
    () => process.stderr.write(`${what}: ${Math.round((Date.now() - started) / 1000)} s\n`),
    3000,
  );
  const status = await new Promise((resolve) => child.on('error', () => resolve(1)).on('close', resolve));
  clearInterval(timer);
  if (status !== 0) fail(`${what} failed`, `run it by hand to see more: ${file} ${args.join(' ')}`);
}

/** Dependencies exactly as the lock file has them, and a supported Node.js of the project's own. */
export async function ensureDependencies() {
  if (!isInstalled()) {
    // Not `npm ci`: it insists on optional packages of other platforms, which a company's mirror may not carry.
    await runSlowly('installing dependencies', 'npm', [
      'install',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--loglevel',
      'error',
    ]);
    if (!isInstalled())
      fail('npm did not install what package-lock.json asks for', 'remove node_modules and run the command again');
  }
  // Some npm versions do not run the install script that puts the binary in its place.
  if (!isUsable(ownNode)) run('npm', ['rebuild', 'node', '--ignore-scripts=false', '--loglevel', 'error']);
  if (!isUsable(ownNode))
    fail('the npm package "node" brought no Node.js', 'run `npm rebuild node` and read what it says');
  process.env.PATH = `${root}node_modules/node/bin:${root}node_modules/.bin:${process.env.PATH}`;
}

function isInstalled() {
  const marker = `${root}node_modules/.package-lock.json`;
  if (!existsSync(marker) || statSync(marker).mtimeMs < statSync(`${root}package-lock.json`).mtimeMs) return false;
  const wanted = JSON.parse(readFileSync(`${root}package-lock.json`, 'utf8')).packages;
  const present = JSON.parse(readFileSync(marker, 'utf8')).packages;
  return Object.entries(wanted).every(
    ([path, entry]) => path === '' || entry.optional || present[path]?.version === entry.version,
  );
}

function isUsable(node) {
  return existsSync(node) && spawnSync(node, ['--version']).status === 0;
}

/** Programs from Debian's packages; those that are there already are left alone. */
export async function ensurePrograms(programs) {
  const path = `${process.env.PATH}:/usr/sbin:/sbin`;
  const missing = programs.filter(
    (program) =>
      !(program.startsWith('/') ? [''] : path.split(':').map((folder) => `${folder}/`)).some((folder) =>
        existsSync(`${folder}${program}`),
      ),
  );
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => packageOf[program]))];
  if (process.getuid() !== 0)
    fail(`missing programs: ${missing.join(', ')}`, `install them as root: apt-get install ${packages.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await runSlowly('reading package lists', 'apt-get', ['update', '-qq'], { env });
  await runSlowly(
    `installing ${packages.join(', ')}`,
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
    { env },
  );
}

/** Debian puts daemons and runc in folders that an ordinary user's PATH does not have. */
export function extendPath() {
  process.env.PATH = `${process.env.PATH}:/usr/sbin:/sbin`;
}
