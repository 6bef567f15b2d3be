import { findSecret, namesSecret } from '../../../../config/find-secret.ts';
import type { ImageConfig } from '../../../../formats/oci/descriptor.ts';
import { resolveLink } from '../../../../formats/tar/path.ts';
import type { TreeEntry } from '../../../../trees/image-tree.ts';
import type { VirtualTree } from '../../../../trees/virtual-tree.ts';
import { compiledCache } from '../../../assemble/vendor-caches.ts';

interface AuditedFiles {
  readonly tree: VirtualTree;
  readonly entries: readonly TreeEntry[];
  readonly config: ImageConfig;
}

const audits: Readonly<Record<string, (image: AuditedFiles) => string[]>> = {
  owners: unknownOwners,
  links: danglingLinks,
  'world-writable': openToAll,
  leftovers,
  secrets,
};

/** What is wrong with the files of an image, by the name of an audit. */
export function auditFiles(id: string, image: AuditedFiles): string[] {
  const audit = audits[id];
  if (!audit) throw new TypeError(`there is no audit ${id}`);
  return audit(image);
}

const nobody = 65_534;

function unknownOwners({ tree, entries }: AuditedFiles): string[] {
  const users = idsIn(tree, 'etc/passwd');
  const groups = idsIn(tree, 'etc/group');
  return entries.flatMap(({ path, node }) => {
    if (node.uid === nobody || node.gid === nobody) return [`/${path} belongs to nobody`];
    if (!users.has(node.uid)) return [`/${path} belongs to user ${node.uid}, which /etc/passwd does not know`];
    return groups.has(node.gid) ? [] : [`/${path} belongs to group ${node.gid}, which /etc/group does not know`];
  });
}

/** Third field of each line. */
function idsIn(tree: VirtualTree, path: string): ReadonlySet<number> {
  const node = tree.get(path);
  const text = node?.kind === 'file' && node.content.kind === 'bytes' ? node.content.bytes.toString('utf8') : '';
  return new Set(
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => Number(line.split(':')[2])),
  );
}

/** Targets that only a running container has. */
const suppliedAtRunTime = /^(?:proc|dev|sys|run)(?:\/|$)/;

function danglingLinks({ tree, entries }: AuditedFiles): string[] {
  return entries.flatMap(({ path, node }) => {
    if (node.kind !== 'symlink') return [];
    const real = tree.realPath(path);
    const target = resolveLink(path, node.target);
    if (suppliedAtRunTime.test(real) || suppliedAtRunTime.test(target) || tree.get(real)) return [];
    return [`/${path} leads to ${node.target}, which does not exist`];
  });
}

function openToAll({ entries }: AuditedFiles): string[] {
  return entries.flatMap(({ path, node }) => {
    // Devices of a base are hidden by those that every container gets.
    if (path.startsWith('dev/')) return [];
    const isSticky = node.kind === 'directory' && (node.mode & 0o1000) !== 0;
    return node.kind !== 'symlink' && (node.mode & 0o002) !== 0 && !isSticky
      ? [`/${path} may be written by everybody`]
      : [];
  });
}

/** Things that builds leave behind, by their path. */
const remains: readonly RegExp[] = [
  /^var\/lib\/apt\/lists\/(?!(?:partial|auxfiles)$)[^/]/,
  /^var\/cache\/(?:apt\/(?:archives\/[^/]+\.deb|\w+\.bin)|ldconfig\/aux-cache|debconf\/.*-old)$/,
  /^(?:root|home\/[^/]+)\/(?:\.npm|\.cache|\.node-gyp|\.node_repl_history|\.bash_history|\.wget-hsts)(?:\/|$)/,
  /^(?:tmp|var\/tmp)\/./,
  /^var\/log\/(?:dpkg|apt|bootstrap|alternatives|fontconfig)/,
  /^etc\/(?:machine-id|hostname|resolv\.conf|passwd-|group-|shadow-|gshadow-|ssh\/ssh_host_.*)$/,
  compiledCache,
];

function leftovers({ entries }: AuditedFiles): string[] {
  return entries
    .filter(({ path, node }) => node.kind === 'file' && remains.some((pattern) => pattern.test(path)))
    .map(({ path }) => `/${path} was left behind`);
}

/** Files that hold keys or passwords, by their name; test data of packages is no secret. */
const secretFiles =
  /(?:^|\/)(?:\.npmrc|\.netrc|\.pgpass|\.git-credentials|\.dockercfg|id_(?:rsa|dsa|ecdsa|ed25519)|credentials\.json)$|(?:^|\/)\.(?:docker\/config\.json|aws\/credentials|ssh\/.+)$|^etc\/ssl\/private\/.+|\.(?:p12|pfx|keystore)$/;

function secrets({ entries, config: { config, history } }: AuditedFiles): string[] {
  const problems = entries
    .filter(({ path, node }) => node.kind === 'file' && secretFiles.test(path))
    .map(({ path }) => `/${path} is a place for secrets`);
  for (const line of config?.Env ?? []) {
    const name = line.slice(0, line.indexOf('='));
    const found = findSecret(line)?.what ?? (namesSecret(name, line.slice(name.length + 1)) ? 'a secret' : undefined);
    if (found) problems.push(`the variable ${name} holds ${found}`);
  }
  for (const [name, value] of Object.entries(config?.Labels ?? {})) {
    const found = findSecret(value);
    if (found) problems.push(`the label ${name} holds ${found.what}`);
  }
  for (const { created_by: step = '' } of history ?? []) {
    const found = findSecret(step);
    if (found) problems.push(`the history holds ${found.what}`);
  }
  return problems;
}
