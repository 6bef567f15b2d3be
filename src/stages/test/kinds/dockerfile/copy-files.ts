import { basename, posix } from 'node:path';
import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { CopyInstruction } from '../../../../formats/dockerfile/parse-test-dockerfile.ts';
import { pathExpression } from '../../../../formats/dockerfile/path-patterns.ts';
import { readTar } from '../../../../formats/tar/read-tar.ts';
import { decompressXz } from '../../../../formats/xz/decompress-xz.ts';
import type { LayerFile } from '../../../../runtimes/runtime.ts';
import { ContextError, type BuildContext, type ContextEntry } from './build-context.ts';

const maxUnpackedBytes = 1 << 30;
/** By one instruction. */
const maxCopiedBytes = 1 << 30;

export interface Copying {
  readonly context: BuildContext;
  readonly workingDirectory: string;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Words with their variables replaced. */
  readonly expand: (word: string) => string;
  readonly expandDocument: (text: string) => string;
  /** Whether the image has a folder there. */
  readonly isFolder: (path: string) => Promise<boolean>;
}

/**
 * The files of COPY and ADD where they belong (Dockerfile reference, "COPY"): a folder's content goes into the target,
 * a file becomes the target unless that ends in `/`, is a folder, or there are several.
 */
export async function copyFiles(instruction: CopyInstruction, copying: Copying): Promise<LayerFile[]> {
  const { context, owner, expand } = copying;
  const written = expand(instruction.target);
  const target = posix.resolve(copying.workingDirectory, written);
  const chmod = instruction.chmod === undefined ? undefined : expand(instruction.chmod);
  if (chmod !== undefined && !/^0?[0-7]{3,4}$/.test(chmod)) throw new ContextError(`--chmod=${chmod} is no octal mode`);
  const mode = chmod === undefined ? undefined : Number.parseInt(chmod, 8);
  const excludes = instruction.excludes.map((pattern) => pathExpression(expand(pattern)));
  const found: { root: ContextEntry; inside: readonly ContextEntry[] }[] = [];
  for (const source of instruction.sources) found.push(...(await context.find(expand(source))));
  const isSeveral = found.length + instruction.documents.length > 1;
  if (isSeveral && !/\/$|^\.$/.test(written) && !(await copying.isFolder(target)))
    throw new ContextError(`several files need a folder as their target: end ${written} with /`);
  const into = /\/$|^\.{1,2}$/.test(written) || isSeveral || (await copying.isFolder(target));
  const files: LayerFile[] = [];
  const all = found.flatMap(({ root, inside }) => [root, ...inside]);
  if (all.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0) > maxCopiedBytes)
    throw new ContextError(`more than ${maxCopiedBytes} bytes are copied: leave some out with .dockerignore`);

  async function add(entry: ContextEntry, to: string): Promise<void> {
    const path = to.replace(/^\/+/, '');
    if (entry.kind === 'directory') files.push({ path, kind: 'directory', mode: mode ?? 0o755, ...owner });
    else if (entry.kind === 'symlink')
      files.push({ path, kind: 'symlink', mode: 0o777, ...owner, target: entry.target ?? '' });
    else {
      // Only the executable bit is meant; the rest is the umask of whoever checked it out.
      const own = entry.isExecutable ? 0o755 : 0o644;
      files.push({ path, kind: 'file', mode: mode ?? own, ...owner, bytes: await context.read(entry) });
    }
  }

  for (const { root, inside } of found) {
    const isExcluded = ({ path }: ContextEntry): boolean =>
      excludes.some((expression) => expression.test(path) || expression.test(posix.relative(root.path, path)));
    if (root.kind === 'directory') {
      const base = instruction.parents ? posix.join(target, root.path) : target;
      // A folder that is there already keeps its owner and mode.
      if (!(await copying.isFolder(base)))
        files.push({ path: base.slice(1) || '.', kind: 'directory', mode: mode ?? 0o755, ...owner });
      for (const entry of inside)
        if (!isExcluded(entry)) await add(entry, posix.join(base, posix.relative(root.path, entry.path)));
    } else if (!isExcluded(root)) {
      const archive = instruction.unpacks && root.kind === 'file' ? await context.read(root) : undefined;
      const unpacked = archive && (await unpack(archive, { name: root.path, target }));
      if (unpacked) files.push(...unpacked.map((file) => ({ ...file, ...(instruction.chown ? owner : {}) })));
      else if (instruction.parents) await add(root, posix.join(target, root.path));
      else await add(root, into ? posix.join(target, basename(root.path)) : target);
    }
  }
  for (const { name, content, expands } of instruction.documents) {
    const bytes = Buffer.from(expands ? copying.expandDocument(content) : content);
    const to = into ? posix.join(target, name) : target;
    files.push({ path: to.slice(1), kind: 'file', mode: mode ?? 0o644, ...owner, bytes });
  }
  return files.filter(({ path, kind }) => !(kind === 'directory' && (path === '.' || path === '')));
}

/** What ADD does with a tar archive: plain, gzip, xz or zstd by its first bytes; anything else is a file as others. */
async function unpack(
  bytes: Buffer,
  { name, target }: { readonly name: string; readonly target: string },
): Promise<LayerFile[] | undefined> {
  const plain = await decompressed(bytes, name);
  if (plain === undefined) return undefined;
  const files: LayerFile[] = [];
  const limits = { name, maxEntries: 200_000, maxTotalBytes: maxUnpackedBytes, foreign: true };
  const links: { path: string; target: string }[] = [];
  for await (const { entry, content } of readTar(Readable.from([plain]), limits)) {
    const { mode, uid, gid } = entry;
    const path = posix.join(target, entry.path).replace(/^\/+/, '');
    const chunks: Buffer[] = [];
    for await (const chunk of content()) chunks.push(Buffer.from(chunk));
    if (entry.path === '' || entry.path === '.') continue;
    if (entry.kind === 'file') files.push({ path, kind: 'file', mode, uid, gid, bytes: Buffer.concat(chunks) });
    else if (entry.kind === 'directory') files.push({ path, kind: 'directory', mode, uid, gid });
    else if (entry.kind === 'symlink')
      files.push({ path, kind: 'symlink', mode: 0o777, uid, gid, target: entry.linkTarget ?? '' });
    else if (entry.kind === 'hardlink')
      links.push({ path, target: posix.join(target, entry.linkTarget ?? '').replace(/^\/+/, '') });
    else throw new ContextError(`${name} holds a device, which a test cannot bring`);
  }
  for (const link of links) {
    const first = files.find((file) => file.path === link.target);
    if (!first) throw new ContextError(`${name}: /${link.path} is a link to /${link.target}, which is not in it`);
    files.push({ ...first, path: link.path });
  }
  return files;
}

async function decompressed(bytes: Buffer, name: string): Promise<Buffer | undefined> {
  const start = bytes.subarray(0, 6).toString('hex');
  const plain = start.startsWith('1f8b')
    ? await collected(Readable.from([bytes]).pipe(createGunzip()))
    : start.startsWith('28b52ffd')
      ? await collected(Readable.from([bytes]).pipe(createZstdDecompress()))
      : start.startsWith('fd377a585a00')
        ? await collected(decompressXz(bytes, name))
        : bytes;
  if (start.startsWith('425a68')) throw new ContextError(`${name} is compressed with bzip2: use gzip, xz or zstd`);
  return plain && plain.length > 512 && plain.subarray(257, 262).toString('latin1') === 'ustar' ? plain : undefined;
}

async function collected(chunks: AsyncIterable<Uint8Array>): Promise<Buffer | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of chunks) {
      size += chunk.length;
      if (size > maxUnpackedBytes) throw new ContextError(`an archive unpacks to more than ${maxUnpackedBytes} bytes`);
      parts.push(Buffer.from(chunk));
    }
  } catch (error) {
    if (error instanceof ContextError) throw error;
    return undefined;
  }
  return Buffer.concat(parts);
}
