import { open, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SingleFlight } from '../../../core/concurrency.ts';
import { canonicalJson } from '../../../core/canonical-json.ts';
import { digestOf, hexOf, type Digest } from '../../../core/digest.ts';
import { Failure } from '../../../core/errors.ts';
import { isAlive } from '../../../runtimes/process-alive.ts';
import type { Sandbox } from '../../../runtimes/runtime.ts';
import { contentFile, newestTime, type ExpandedInput } from '../../../sources/expand-input.ts';
import type { DebInput } from '../../../sources/input.ts';
import { keptFolder, keptPath, noteKept, readKept, type KeptFile } from '../../../store/kept-files.ts';
import type { LayoutStore } from '../../../store/layout/layout-store.ts';
import { openContents, type ContentFile } from '../../../trees/content-access.ts';
import { generatedFile, ImageTree, normaliseHardlinks, type TreeEntry } from '../../../trees/image-tree.ts';
import { requireKnownOwners } from '../known-owners.ts';
import { collect } from './collect.ts';
import { removeLinksToDocuments } from './documents.ts';
import { preinstNames, writeDpkgDatabase } from './dpkg-database.ts';
import { exampleSources, finishSystem } from './finish.ts';
import { materialise } from '../../../trees/materialise.ts';
import { normaliseDates } from './scrub.ts';
import { unpackPackages } from './unpack-packages.ts';

/** A system after its maintainer scripts ran: a tree of references, and the files they refer to. */
export interface InstalledSystem {
  /** Identity: what it was made of, and by which version of this code. */
  readonly key: Digest;
  readonly entries: readonly TreeEntry[];
  /** Files with the contents that scripts made. */
  readonly files: readonly ContentFile[];
}

export interface InstallRequest {
  readonly platform: string;
  readonly packages: readonly ExpandedInput[];
  /** The system these packages are added to. */
  readonly below?: InstalledSystem;
  /** Contents that the system below refers to, its packages' among them. */
  readonly belowInputs: readonly ContentFile[];
}

/** Raised when the same packages give another system. */
const installVersion = 4;
const flights = new SingleFlight<InstalledSystem>();
const timeoutMs = 1_800_000;

const environment = {
  DEBCONF_NONINTERACTIVE_SEEN: 'true',
  DEBIAN_FRONTEND: 'noninteractive',
  HOME: '/root',
  LC_ALL: 'C.UTF-8',
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  // Perl and Python must not order things by chance.
  PERL_HASH_SEED: '0',
  PYTHONHASHSEED: '0',
  TZ: 'UTC',
} as const;

/** `preinst install` as dpkg calls it (Debian policy 6.5), then everything else by dpkg itself. */
const script = `
umask 022
export DPKG_ADMINDIR=/var/lib/dpkg DPKG_ROOT= DPKG_MAINTSCRIPT_NAME=preinst DPKG_MAINTSCRIPT_ARCH="$1"
export DPKG_RUNNING_VERSION="$(dpkg-query --version | sed -n '1s/.*version \\([0-9.]*[0-9]\\).*/\\1/p')"
shift
for name in "$@"; do
  DPKG_MAINTSCRIPT_PACKAGE="\${name%%:*}" "/var/lib/dpkg/info/$name.preinst" install
done
unset DPKG_MAINTSCRIPT_NAME DPKG_MAINTSCRIPT_ARCH DPKG_RUNNING_VERSION
dpkg --force-unsafe-io --configure --pending
ldconfig
dpkg --audit
`;

/**
 * Installs packages on nothing, or on another system, by running their maintainer scripts once in a sandbox without a
 * network. The same packages give the same tree; a system that was made before is answered from beside the store.
 */
export function installSystem(
  store: LayoutStore,
  request: InstallRequest,
  sandbox: () => Promise<Sandbox>,
): Promise<InstalledSystem> {
  const key = digestOf(
    canonicalJson({
      installVersion,
      below: request.below?.key ?? null,
      platform: request.platform,
      packages: request.packages.map(({ input }) => input.digest),
    }),
  );
  const kept: KeptFile = { kind: 'systems', name: hexOf(key) };
  const path = keptPath(store, kept);
  return flights.run(path, async () => {
    const known = await readSystem(store, kept, key);
    if (known) return known;
    const systems = await keptFolder(store, kept.kind);
    // Opened first: it ends the scripts of a run that was killed, which write into its folder until then.
    await sandbox();
    await removeStale(systems);
    const folder = `${path}.${process.pid}.tmp`;
    try {
      await mkdir(folder, { mode: 0o755 });
      const tree = await install(request, { folder, sandbox });
      await writeSystem(store, kept, tree);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
    const made = await readSystem(store, kept, key);
    if (!made) throw new Failure('STORE_DAMAGED', `${path} vanished after it was written`);
    return made;
  });
}

async function install(
  { packages, below, belowInputs, platform }: InstallRequest,
  { folder, sandbox }: { readonly folder: string; readonly sandbox: () => Promise<Sandbox> },
): Promise<ImageTree> {
  const mtime = newestTime(packages);
  const contents = openContents([...packages.map(contentFile), ...belowInputs, ...(below?.files ?? [])]);
  try {
    const tree = new ImageTree(mtime);
    for (const { path, node } of below?.entries ?? []) tree.set(path, node);
    unpackPackages(tree, packages, mtime);
    normaliseHardlinks(tree);
    writeDpkgDatabase(tree, { packages, mtime, read: contents.read });
    for (const path of ['dev', 'proc', 'sys', 'tmp', 'run'])
      if (!tree.has(path)) tree.set(path, { kind: 'directory', mode: 0o755, uid: 0, gid: 0, mtime });
    const footprints = await materialise(withoutCompilers(tree), folder, contents);
    await runScripts({ packages, platform, folder, sandbox, mtime });
    const collected = await collect({ folder, before: tree, footprints, mtime });
    removeLinksToDocuments(collected);
    normaliseDates(collected, { mtime, read: contents.read });
    if (!below) {
      const example = packages
        .find(({ input }) => (input as DebInput).name === 'apt')
        ?.entries.find(({ entry }) => entry.path === 'usr/share/doc/apt/examples/sources.list');
      const owner = packages.find(({ input }) => (input as DebInput).name === 'apt');
      const text =
        example && owner
          ? contents
              .read({
                kind: 'slice',
                input: owner.content,
                offset: example.offset,
                sizeBytes: example.entry.sizeBytes,
              })
              .toString('utf8')
          : '';
      finishSystem(collected, { mtime, read: contents.read, aptSources: exampleSources(text) });
    }
    requireKnownOwners(collected, contents.read);
    return collected;
  } finally {
    await contents.close();
  }
}

/**
 * Python's files are compiled when it is installed, and the result is scrubbed, because it is never the same bytes
 * twice: in the sandbox the compilers do nothing, which saves half of the time.
 */
function withoutCompilers(tree: ImageTree): ImageTree {
  const copy = new ImageTree(0);
  for (const { path, node } of tree.entries()) {
    const isCompiler = /^usr\/(?:bin\/py3compile|share\/python3\/py3compile|lib\/python3\.\d+\/py_compile\.py)$/.test(
      path,
    );
    const isFile = node.kind === 'file';
    const stand = path.endsWith('.py') ? '' : '#!/bin/sh\nexit 0\n';
    copy.set(path, isCompiler && isFile ? generatedFile(stand, node.mtime, node.mode) : node);
  }
  return copy;
}

interface ScriptRun {
  readonly packages: readonly ExpandedInput[];
  readonly platform: string;
  readonly folder: string;
  readonly sandbox: () => Promise<Sandbox>;
  readonly mtime: number;
}

async function runScripts({ packages, platform, folder, sandbox, mtime }: ScriptRun): Promise<void> {
  const architecture = platform.split('/')[1] ?? '';
  const result = await (
    await sandbox()
  ).runInFolder(folder, {
    args: ['/bin/sh', '-euc', script, 'sh', architecture, ...preinstNames(packages)],
    env: { ...environment, SOURCE_DATE_EPOCH: String(mtime) },
    platform,
    timeoutMs,
  });
  // `dpkg --audit` prints what is not wholly installed.
  const audit = /only half|not yet|missing|in a mess|unpacked but not/i.test(result.stdout);
  if (result.exitCode === 0 && !audit) return;
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '');
  throw new Failure(
    'INSTALLATION_FAILED',
    `maintainer scripts failed on ${platform}${result.timedOut ? ' (timed out)' : ''}: ${lines.slice(-6).join(' | ')}`,
    {
      hint: 'the sandbox has no network and no capability beyond those for files; a package that needs more cannot be in the image',
      details: { output: lines.slice(-200) },
    },
  );
}

/** Contents that are in memory go into one file beside the list, which then refers to it. */
async function writeSystem(store: LayoutStore, kept: KeptFile, tree: ImageTree): Promise<void> {
  const path = keptPath(store, kept);
  const temporary = `${path}.data.${process.pid}.tmp`;
  const file = await open(temporary, 'w', 0o600);
  const chunks: Buffer[] = [];
  let offset = 0;
  const entries: unknown[] = [];
  try {
    for (const { path: at, node } of tree.entries()) {
      if (node.kind !== 'file' || node.content.kind !== 'bytes') {
        entries.push({ path: at, node });
        continue;
      }
      const { bytes } = node.content;
      await file.write(bytes);
      chunks.push(bytes);
      entries.push({ path: at, node: { ...node, content: { kind: 'own', offset, sizeBytes: bytes.length } } });
      offset += bytes.length;
    }
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  const digest = digestOf(Buffer.concat(chunks));
  await noteKept(store, kept, JSON.stringify({ digest, entries }));
}

interface StoredSystem {
  readonly digest: Digest;
  readonly entries: readonly (TreeEntry & { readonly node: { readonly content?: { kind: string } } })[];
}

async function readSystem(store: LayoutStore, kept: KeptFile, key: Digest): Promise<InstalledSystem | undefined> {
  const text = await readKept(store, kept);
  if (text === undefined) return undefined;
  const stored = JSON.parse(text) as StoredSystem;
  const entries = stored.entries.map(({ path: at, node }) => {
    if (node.kind !== 'file' || (node.content.kind as string) !== 'own') return { path: at, node };
    const { offset, sizeBytes } = node.content as unknown as { offset: number; sizeBytes: number };
    return {
      path: at,
      node: { ...node, content: { kind: 'slice' as const, input: stored.digest, offset, sizeBytes } },
    };
  });
  return { key, entries, files: [{ digest: stored.digest, path: keptPath(store, kept) }] };
}

/** Folders of runs that were killed: their names end with a process that is gone. */
async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = /\.(\d+)\.tmp$/.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    await rm(join(folder, name), { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  }
}
