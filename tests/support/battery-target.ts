import { join } from 'node:path';
import { expect } from 'vitest';
import { openRuntime } from '../../src/runtimes/open-runtime.ts';
import type { Environment, LayerFile, Runtime } from '../../src/runtimes/runtime.ts';
import { loadRecipe } from '../../src/config/load-recipe.ts';
import { planLocked } from '../../src/pipeline-plan.ts';
import { readLock } from '../../src/stages/resolve/lock.ts';
import type { CheckedCell } from '../../src/stages/test/battery/battery.ts';
import { describeCell } from '../../src/stages/test/describe-cell.ts';
import { readImageView } from '../../src/stages/test/image-view.ts';
import { openLayerCache } from '../../src/stages/test/layer-cache.ts';
import { sharedFolders } from '../../src/stages/test/test-candidate.ts';
import type { TestTarget } from '../../src/stages/test/suite.ts';
import { openLayoutStore, type LayoutStore } from '../../src/store/layout/layout-store.ts';
import { readIndex } from '../../src/store/manifest.ts';
import { runCli } from './cli.ts';
import { smallWorkspace, testContext } from './workspace.ts';

/** A real image of this machine's platform, built and ready to be tested. */
export interface BuiltImage {
  readonly cwd: string;
  readonly store: LayoutStore;
  readonly cell: CheckedCell;
  readonly manifest: TestTarget['subject'];
}

/** Builds the cells of the quickstart recipe that match, each for this machine. */
export async function buildImages(
  matches: (cell: string) => boolean,
  change?: (recipe: string) => string,
): Promise<BuiltImage[]> {
  const cwd = await smallWorkspace(matches, change);
  const built = await runCli(['build', '--json', '--quiet'], { cwd });
  expect(built.exitCode, built.stderr).toBe(0);
  const { cells } = JSON.parse(built.stdout) as { cells: { id: string; digest: string }[] };
  return await Promise.all(cells.map((cell) => builtImage(cwd, cell)));
}

/** A cell of a workspace that was built. */
export async function builtImage(
  cwd: string,
  { id, digest }: { readonly id: string; readonly digest: string },
): Promise<BuiltImage> {
  const store = await openLayoutStore(join(cwd, '.nodeworthy/store'));
  const loaded = await loadRecipe(join(cwd, 'nodeworthy.yaml'), new Date());
  const lock = (await readLock(join(cwd, 'nodeworthy.lock.json'))) ?? expect.fail('no lock');
  const cell = planLocked({ loaded, lock, context: testContext() }).find((candidate) => candidate.id === id);
  const index = await readIndex(store, digest);
  const found = index.manifests.find(({ platform }) => platform?.architecture === 'amd64');
  return {
    cwd,
    store,
    cell: describeCell({ lock, loaded, context: testContext() }, cell ?? expect.fail('no cell')),
    manifest: found?.digest ?? expect.fail('no platform'),
  };
}

export interface Breakage {
  readonly files?: readonly LayerFile[];
  readonly config?: Partial<NonNullable<Environment['config']['config']>>;
  /** Paths of files that carry a file capability. */
  readonly capable?: readonly string[];
}

/** The target of tests on an image, with something broken in it on purpose. */
export async function openTarget(
  runtime: Runtime,
  { store, manifest }: Pick<BuiltImage, 'store' | 'manifest'>,
  { files = [], config, capable = [] }: Breakage = {},
): Promise<TestTarget> {
  const image = await runtime.open(store, { manifest, platform: 'linux/amd64' });
  const broken = files.length > 0 ? await runtime.addLayer(image, files) : image;
  const environment = config
    ? { ...broken, config: { ...broken.config, config: { ...broken.config.config, ...config } } }
    : broken;
  return {
    store,
    subject: manifest,
    platform: 'linux/amd64',
    runtime,
    environment,
    async view() {
      const { tree } = await readImageView(store, manifest);
      tree.apply(
        files.map(({ path, kind, mode, uid, gid, bytes, target }) => ({
          path,
          node:
            kind === 'symlink'
              ? { kind, mode, uid, gid, mtime: 0, target: target ?? '' }
              : kind === 'directory'
                ? { kind, mode, uid, gid, mtime: 0 }
                : {
                    kind,
                    mode,
                    uid,
                    gid,
                    mtime: 0,
                    content: { kind: 'bytes', bytes: Buffer.from(bytes ?? '') },
                    ...(capable.includes(path) ? { xattrs: { 'security.capability': Buffer.from('x') } } : {}),
                  },
        })),
      );
      return { tree, config: environment.config };
    },
    cache: openLayerCache(store, { subject: manifest, readable: false, keep: 'failed' }),
    sharedLayer: (_, layer) => runtime.addLayer(environment, layer()),
    // In the store of the test, which is thrown away.
    sharedFolder: sharedFolders(store).get,
    context: testContext(),
  };
}

export async function openRunc(): Promise<Runtime> {
  return await openRuntime('runc', process.env);
}
