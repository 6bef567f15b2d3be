import { expect, it } from 'vitest';
import { plainSettings } from '../../../tests/support/plain-settings.ts';
import type { Overlay } from '../../config/overlay.ts';
import { digestOf } from '../../core/digest.ts';
import { generatedFile, symlink, type TreeNode } from '../../trees/image-tree.ts';
import { viewParts } from '../../trees/read-image.ts';
import { debianFacts } from '../plan/image-settings.ts';
import { mergeOverlays } from '../plan/merge-overlays.ts';
import { decideConfigurationLayer } from './configuration-layer.ts';

const nothing: Overlay = {
  name: 'acme',
  digest: digestOf(''),
  cells: undefined,
  environment: {},
  nodeOptions: [],
  npm: {},
  certificates: [],
  timeZone: undefined,
  files: [],
  user: undefined,
  users: [],
  labels: {},
  packages: [],
  heapPercentage: undefined,
  semiSpaceMb: undefined,
};

function decide(
  overlay: Partial<Overlay>,
  nodes: Record<string, TreeNode>,
  certificateBundle = '/etc/ssl/certs/ca-certificates.crt',
) {
  const settings = plainSettings('24.21.0', mergeOverlays([{ ...nothing, ...overlay }], 'x'));
  const entries = Object.entries(nodes).map(([path, node]) => ({ path, node }));
  const view = viewParts([{ title: '', entries, files: [] }]);
  const tree = decideConfigurationLayer(settings, { ...debianFacts(settings), certificateBundle }, view);
  return new Map(tree.entries().map(({ path, node }) => [path, node]));
}

const textOf = (node: TreeNode | undefined): string =>
  node?.kind === 'file' && node.content.kind === 'bytes' ? node.content.bytes.toString() : '';

it('adds authorities to the bundle behind its links, as Fedora’s family has it, and loses none', () => {
  const bundle = 'etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem';
  const made = decide(
    { certificates: [{ name: 'acme', pem: 'ACME\n' }] },
    { [bundle]: generatedFile('PUBLIC', 1), 'etc/pki/tls/certs/ca-bundle.crt': symlink(`/${bundle}`, 1) },
    '/etc/pki/tls/certs/ca-bundle.crt',
  );
  expect(textOf(made.get(bundle))).toBe('PUBLIC\nACME\n');
  expect(made.has('etc/pki/tls/certs/ca-bundle.crt')).toBe(false);
  expect(() => decide({ certificates: [{ name: 'acme', pem: 'ACME\n' }] }, {})).toThrow(
    expect.objectContaining({ code: 'SOURCE_INVALID', message: expect.stringContaining('is empty') }),
  );
});

it('puts a file where the links of its folder lead', () => {
  const file = { path: 'bin/tool', bytes: Buffer.from('x'), mode: 0o755, uid: 0, gid: 0 };
  const made = decide({ files: [file] }, { 'usr/bin/sh': generatedFile('', 1), bin: symlink('usr/bin', 1) });
  expect(textOf(made.get('usr/bin/tool'))).toBe('x');
  expect(made.has('bin')).toBe(false);
});

it('refuses a zone the image does not have, a user whose number is taken, and a file in the place of a folder', () => {
  const passwd = { 'etc/passwd': generatedFile('root:x:0:0::/:/bin/sh\nclient:x:500:500::/:/bin/sh\n', 1) };
  expect(() => decide({ timeZone: 'Mars/Base' }, {})).toThrow(expect.objectContaining({ code: 'RECIPE_INVALID' }));
  expect(() => decide({ users: [{ name: 'app', uid: 500, gid: 500, home: '/' }] }, passwd)).toThrow(
    expect.objectContaining({ message: 'the user app (500) is client (500) in the image already' }),
  );
  const file = { path: 'etc/acme', bytes: Buffer.from('x'), mode: 0o644, uid: 0, gid: 0 };
  expect(() => decide({ files: [file] }, { 'etc/acme/x': generatedFile('', 1) })).toThrow(
    expect.objectContaining({ message: '/etc/acme is a folder in the image, and a file in an overlay' }),
  );
});
