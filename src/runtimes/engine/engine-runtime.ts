import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { resolveLink } from '../../formats/tar/path.ts';
import { readTar } from '../../formats/tar/read-tar.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import { waitForEnd } from '../container-output.ts';
import { isNative } from '../emulation.ts';
import { maxChangedPaths, type Environment, type LayerChanges, type RunRequest, type Runtime } from '../runtime.ts';
import { containerBody, imageName } from './container-body.ts';
import type { EngineClient } from './engine-client.ts';
import { filesArchive, imageArchive } from './image-archive.ts';
import { startContainer } from './start-container.ts';
import { sweepEngine } from './sweep-engine.ts';

interface EngineEnvironment extends Environment {
  readonly image: string;
  /** Images that belong to this environment and go with it. */
  readonly owned: readonly string[];
  readonly described: LayerChanges;
}

const Created = z.looseObject({ Id: z.string() });
const Inspected = z.looseObject({ RootFS: z.looseObject({ Layers: z.array(z.string()).nullish() }) });
const Changes = z.array(z.looseObject({ Path: z.string(), Kind: z.number() })).nullish();

/** Containers of an engine, over its API. */
export async function startEngine(
  engine: EngineClient,
  { name, version }: { readonly name: string; readonly version: string },
): Promise<Runtime> {
  await sweepEngine(engine);
  const images = new Set<string>();
  const cast = (environment: Environment): EngineEnvironment => environment as EngineEnvironment;

  async function createContainer(environment: EngineEnvironment, request?: RunRequest): Promise<string> {
    const body = containerBody({ config: environment.config, image: environment.image, request });
    return Created.parse(await engine.post('/containers/create', body)).Id;
  }

  async function commit(container: string): Promise<{ readonly image: string; readonly diffId: Digest | undefined }> {
    const tag = `${process.pid}-${randomUUID()}`;
    await engine.post(`/commit?container=${container}&pause=0&repo=${encodeURIComponent(imageName)}&tag=${tag}`, {});
    const image = `${imageName}:${tag}`;
    images.add(image);
    return { image, diffId: (await layersOf(image)).at(-1) as Digest | undefined };
  }

  async function layersOf(image: string): Promise<readonly string[]> {
    const found = Inspected.parse(await engine.get(`/images/${encodeURIComponent(image)}/json`));
    return found.RootFS.Layers ?? [];
  }

  async function describe(
    container: string,
    { config, diffId, readOnly = false }: { config: ImageConfig; diffId?: Digest | undefined; readOnly?: boolean },
  ): Promise<LayerChanges> {
    // A root that is read only cannot be changed, whatever folders an engine makes to mount something there.
    const all = readOnly ? [] : (Changes.parse(await engine.get(`/containers/${container}/changes`)) ?? []);
    const volumes = Object.keys(config.config?.Volumes ?? {});
    // Mount points for the engine's own files and for volumes are no changes of anybody.
    const list = all.filter(
      ({ Path }) => !volumes.includes(Path) && (Path !== '/etc' || all.some((other) => other.Path.startsWith('/etc/'))),
    );
    const count = (kind: number): number => list.filter((change) => change.Kind === kind).length;
    return {
      ...(diffId === undefined ? {} : { diffId }),
      changed: count(0),
      added: count(1),
      removed: count(2),
      paths: list.slice(0, maxChangedPaths).map(({ Path, Kind }) => `${['C', 'A', 'R'][Kind] ?? 'C'} ${Path}`),
    };
  }

  async function removeImage(image: string): Promise<void> {
    images.delete(image);
    await engine.remove(`/images/${encodeURIComponent(image)}?force=1`).catch(() => {});
  }

  /** The first entry of what the engine has at a path, links followed. */
  async function look(environment: Environment, path: string): Promise<{ kind: string; bytes?: Buffer } | undefined> {
    const container = await createContainer(cast(environment));
    try {
      let at = path;
      for (let hops = 0; hops < 40; hops++) {
        const archive = await engine.archive(container, `/${at.replace(/^\/+/, '')}`);
        if (!archive) return undefined;
        const limits = { name: path, maxEntries: 1_000_000, maxTotalBytes: 8 * 2 ** 30, foreign: true };
        try {
          for await (const { entry, content } of readTar(archive, limits)) {
            if (entry.kind === 'symlink') {
              at = resolveLink(at.replace(/^\/+/, ''), entry.linkTarget ?? '');
              break;
            }
            if (entry.kind !== 'file') return { kind: entry.kind };
            const chunks: Buffer[] = [];
            for await (const chunk of content()) chunks.push(Buffer.from(chunk));
            return { kind: 'file', bytes: Buffer.concat(chunks) };
          }
        } finally {
          archive.destroy();
        }
      }
      return undefined;
    } finally {
      await engine.remove(`/containers/${container}?force=1`).catch(() => {});
    }
  }

  const start: Runtime['start'] = async (environment, request, signal) => {
    signal.throwIfAborted();
    if (request.hosts?.length || request.publicHosts?.length)
      throw new Failure('RUNTIME_FAILED', `${name} cannot give a container a network of named hosts only`, {
        hint: 'use the runc runtime for tests that need hosts',
      });
    const before = cast(environment);
    const container = await createContainer(before, request);
    const remove = (): Promise<void> => engine.remove(`/containers/${container}?force=1&v=1`).catch(() => {});
    try {
      const started = await startContainer(engine, container, { request, signal });
      async function conclude() {
        try {
          const result = await started.ended;
          if (!request.keepChanges)
            return {
              result: { ...result, changes: await describe(container, { config: before.config, ...request }) },
              environment,
            };
          const { image, diffId } = await commit(container);
          const changes = await describe(container, { config: before.config, diffId });
          const after: EngineEnvironment = {
            ...before,
            image,
            owned: [image],
            described: changes,
          };
          return { result, environment: after };
        } finally {
          await remove();
        }
      }
      const finished = conclude();
      finished.catch(() => {});
      return { ...started.container, finished };
    } catch (error) {
      await remove();
      throw error;
    }
  };

  return {
    name,
    version,
    async open(store: LayoutStore, { manifest: digest, platform }) {
      if (!isNative(platform))
        throw new Failure('EMULATOR_MISSING', `${name} is not asked to run programs of ${platform}`, {
          hint: 'use the runc runtime, which brings its own emulator',
        });
      const manifest = await readManifest(store, digest);
      const config = await readImageConfig(store, manifest);
      const image = `${imageName}:${process.pid}-${randomUUID()}`;
      await engine.upload('POST', '/images/load?quiet=1', imageArchive(store, manifest, image));
      images.add(image);
      if ((await layersOf(image)).join() !== config.rootfs.diff_ids.join()) {
        throw new Failure('INTEGRITY', `the engine did not load the layers of ${digest}`, {
          hint: 'it was not tested; the engine changes layers on import',
        });
      }
      return {
        config,
        image,
        owned: [image],
        described: { added: 0, changed: 0, removed: 0, paths: [] },
      } satisfies EngineEnvironment;
    },
    async addLayer(environment, files) {
      const before = cast(environment);
      const container = await createContainer(before);
      try {
        await engine.upload('PUT', `/containers/${container}/archive?path=/`, filesArchive(files));
        const { image, diffId } = await commit(container);
        const described = await describe(container, { config: before.config, diffId });
        return { ...before, image, owned: [image], described } satisfies EngineEnvironment;
      } finally {
        await engine.remove(`/containers/${container}?force=1`);
      }
    },
    start,
    run: async (environment, request, signal) => await waitForEnd(await start(environment, request, signal), request),
    describeLayer: (environment) => Promise.resolve(cast(environment).described),
    readFile: async (environment, path) => (await look(environment, path))?.bytes,
    isFolder: async (environment, path) => (await look(environment, path))?.kind === 'directory',
    canRun: (platform) => Promise.resolve(isNative(platform)),
    async dispose(environment) {
      for (const image of [...cast(environment).owned].reverse()) await removeImage(image);
    },
    async close() {
      for (const image of [...images].reverse()) await removeImage(image);
      await engine.close();
    },
  };
}
