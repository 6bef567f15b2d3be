import { Failure } from '../../core/errors.ts';
import { baseName, parentOf } from '../../formats/tar/path.ts';
import { pemToDer, subjectHash } from '../../formats/x509/subject-hash.ts';
import type { OverlayCertificate, OverlayUser } from '../../config/overlay.ts';
import type { BaseFacts, ImageSettings } from '../plan/image-settings.ts';
import { imagePaths, imageUser } from '../plan/variants.ts';
import { folder, generatedFile, ImageTree, symlink, type FileContent, type TreeNode } from '../../trees/image-tree.ts';

/** The operating system that the layer lies on. */
export interface SystemView {
  get(path: string): TreeNode | undefined;
  /** Names of what lies directly in a folder. */
  list(path: string): readonly string[];
  /** The path with every symlink on it followed. */
  realPath(path: string): string;
  readonly read: (content: FileContent) => Buffer;
}

/**
 * Folders the application may write to, and what overlays and hardening add. The folders belong to the image's user
 * and to group 0 with equal rights, so that an arbitrary user with group 0 can work as well. Dated 1970: without an
 * overlay the layer is the same in every cell.
 */
export function decideConfigurationLayer(settings: ImageSettings, base: BaseFacts, system: SystemView): ImageTree {
  const tree = new ImageTree(0);
  const { overlay, hardening, variant } = settings;
  const owner = { uid: Number(overlay.user?.split(':')[0] ?? imageUser.uid), gid: 0 };
  for (const path of [imagePaths.work, imagePaths.home, imagePaths.diagnostics])
    tree.set(path, folder(0o775, 0, owner));
  addNpmSettings(tree, {
    ...(hardening.includes('npm-scripts') && variant.node.includes('npm') ? { 'ignore-scripts': 'true' } : {}),
    ...overlay.npm,
  });
  if (overlay.users.length > 0) addUsers(tree, overlay.users, system);
  if (overlay.certificates.length > 0) addCertificates(tree, { certificates: overlay.certificates, base, system });
  if (overlay.timeZone !== undefined) setTimeZone(tree, overlay.timeZone, system);
  for (const file of overlay.files) {
    // Where a folder of the path is a link, as /bin is, the file goes where the link leads.
    tree.set(placeOf(system, file.path), { ...generatedFile(file.bytes, 0, file.mode), uid: file.uid, gid: file.gid });
  }
  keepParents(tree, system);
  return tree;
}

/** Settings of npm for every user (npmrc(5), "Global config file"). */
function addNpmSettings(tree: ImageTree, settings: Readonly<Record<string, string>>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  if (lines.length > 0) tree.set(imagePaths.npmrc, generatedFile(lines.sort().join(''), 0));
}

function addUsers(tree: ImageTree, users: readonly OverlayUser[], system: SystemView): void {
  const passwd = textOf(system, 'etc/passwd');
  const group = textOf(system, 'etc/group');
  for (const user of users) {
    for (const line of passwd.split('\n')) {
      const [name, , uid] = line.split(':');
      if (name === user.name || uid === String(user.uid))
        throw new Failure(
          'RECIPE_INVALID',
          `the user ${user.name} (${user.uid}) is ${name} (${uid}) in the image already`,
          {
            hint: 'choose another name and number in the overlay',
          },
        );
    }
  }
  const accounts = users.map(
    ({ name, uid, gid, home }) => `${name}:x:${uid}:${gid}:${name}:${home}:/usr/sbin/nologin\n`,
  );
  const known = new Set(group.split('\n').map((line) => line.split(':')[2]));
  const groups = users.filter(({ gid }) => !known.has(String(gid))).map(({ name, gid }) => `${name}:x:${gid}:\n`);
  tree.set(system.realPath('etc/passwd'), latin1File(`${passwd}${accounts.join('')}`));
  tree.set(system.realPath('etc/group'), latin1File(`${group}${[...new Set(groups)].join('')}`));
}

interface CertificateInput {
  readonly certificates: readonly OverlayCertificate[];
  readonly base: BaseFacts;
  readonly system: SystemView;
}

/**
 * For native programs the bundle and its links by subject hash (what `update-ca-certificates` does with files in
 * /usr/local/share/ca-certificates), for Node.js a file of their own.
 */
function addCertificates(tree: ImageTree, { certificates, base, system }: CertificateInput): void {
  tree.set(imagePaths.extraCertificates, generatedFile(certificates.map(({ pem }) => pem).join(''), 0));
  if (base.certificateBundle === undefined) return;
  const bundle = system.realPath(base.certificateBundle.slice(1));
  const before = textOf(system, bundle);
  if (before === '')
    throw new Failure('SOURCE_INVALID', `the bundle of authorities at ${base.certificateBundle} is empty`, {
      hint: 'the image below is damaged: the overlay’s certificates must not be the only ones',
    });
  const end = before === '' || before.endsWith('\n') ? '' : '\n';
  tree.set(bundle, latin1File(`${before}${end}${certificates.map(({ pem }) => pem).join('')}`));
  const links = system.realPath('etc/ssl/certs');
  const taken = new Set(system.list(links));
  if (![...taken].some((name) => /^[0-9a-f]{8}\.\d+$/.test(name))) return;
  for (const { name, pem } of certificates) {
    const der = pemToDer(pem);
    if (!der) throw new Failure('RECIPE_INVALID', `the certificate ${name} is none`);
    const file = `usr/local/share/ca-certificates/${name}.crt`;
    tree.set(file, generatedFile(pem, 0));
    tree.set(`${links}/${name}.pem`, symlink(`/${file}`, 0));
    const hash = subjectHash(der);
    let number = 0;
    while (taken.has(`${hash}.${number}`)) number++;
    taken.add(`${hash}.${number}`);
    tree.set(`${links}/${hash}.${number}`, symlink(`${name}.pem`, 0));
  }
}

function setTimeZone(tree: ImageTree, zone: string, system: SystemView): void {
  const file = `usr/share/zoneinfo/${zone}`;
  if (system.get(file) === undefined)
    throw new Failure('RECIPE_INVALID', `timeZone: the image has no zone ${zone}`, {
      hint: 'names are like Europe/Berlin; old names like US/Pacific need the package tzdata-legacy',
    });
  tree.set('etc/localtime', symlink(`/${file}`, 0));
  tree.set('etc/timezone', generatedFile(`${zone}\n`, 0));
}

/**
 * A folder that the system has keeps its owner and mode: a layer that states it otherwise would change it. Its time is
 * not kept where the rest is ordinary, so that the layer is the same on every base.
 */
function keepParents(tree: ImageTree, system: SystemView): void {
  for (const { path, node } of tree.entries()) {
    const known = system.get(path);
    const isOurs = [imagePaths.work, imagePaths.home, imagePaths.diagnostics].includes(path as 'app');
    const isOrdinary = known?.mode === 0o755 && known.uid === 0 && known.gid === 0;
    if (node.kind === 'directory' && known?.kind === 'directory' && !isOurs && !isOrdinary) tree.set(path, known);
    if (node.kind !== 'directory' && known?.kind === 'directory')
      throw new Failure('RECIPE_INVALID', `/${path} is a folder in the image, and a file in an overlay`, {
        hint: `name a file below it, like /${path}/${baseName(path)}`,
      });
  }
}

/** The folder part followed through links, the name as it is. */
function placeOf(system: SystemView, path: string): string {
  const parent = parentOf(path);
  return parent === '' ? path : `${system.realPath(parent)}/${baseName(path)}`;
}

function textOf(system: SystemView, path: string): string {
  const node = system.get(system.realPath(path));
  return node?.kind === 'file' ? system.read(node.content).toString('latin1') : '';
}

/** Bytes of a file that was read as latin1 come back as they were, whatever its encoding. */
function latin1File(text: string): TreeNode {
  return generatedFile(Buffer.from(text, 'latin1'), 0);
}
