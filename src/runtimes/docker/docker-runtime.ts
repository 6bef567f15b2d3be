import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { z } from 'zod';
import { isNative } from '../emulation.ts';
import { Failure } from '../../core/errors.ts';
import { boundedText } from '../../core/exec.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';
import { readImageConfig, readManifest } from '../../store/manifest.ts';
import {
  maxOutputBytes,
  type Availability,
  type Environment,
  type RunRequest,
  type RunResult,
  type Runtime,
  type RuntimeMember,
} from '../runtime.ts';
import { openEngine, type EngineClient } from './engine-client.ts';
import { filesArchive, imageArchive } from './image-archive.ts';

interface EngineEnvironment extends Environment {
  readonly image: string;
  /** Images that belong to this environment and go with it. */
  readonly owned: readonly string[];
}

const Version = z.looseObject({ Version: z.string() });
const Created = z.looseObject({ Id: z.string() });
const Inspected = z.looseObject({ RootFS: z.looseObject({ Layers: z.array(z.string()) }) });
const Waited = z.looseObject({ StatusCode: z.number() });

export const dockerRuntime: RuntimeMember = {
  name: 'docker',
  summary: 'containers of a docker or podman engine, over its API on a unix socket',
  async detect(env): Promise<Availability> {
    const host = hostOf(env);
    const hint = 'install one and start it: apt-get install docker.io, or podman with `podman system service`';
    if (!host.startsWith('unix://'))
      return {
        available: false,
        reason: `${host} is no unix socket`,
        hint: 'set DOCKER_HOST to unix:///path/of/the.sock',
      };
    if (!existsSync(host.slice('unix://'.length))) return { available: false, reason: 'no engine listens', hint };
    const engine = openEngine(host);
    try {
      return { available: true, version: Version.parse(await engine.get('/version')).Version };
    } catch {
      return { available: false, reason: 'the engine does not answer', hint };
    } finally {
      await engine.close();
    }
  },
  async start(env) {
    const engine = openEngine(hostOf(env));
    return startEngine(engine, Version.parse(await engine.get('/version')).Version);
  },
};

function hostOf(env: Readonly<Record<string, string | undefined>>): string {
  return env['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
}

function startEngine(engine: EngineClient, version: string): Runtime {
  const images = new Set<string>();

  async function createContainer(environment: EngineEnvironment, request?: RunRequest): Promise<string> {
    return Created.parse(await engine.post('/containers/create', containerBody(environment, request))).Id;
  }

  async function commit(container: string): Promise<string> {
    const id = Created.parse(await engine.post(`/commit?container=${container}&pause=0`)).Id;
    images.add(id);
    return id;
  }

  async function removeImage(image: string): Promise<void> {
    images.delete(image);
    await engine.remove(`/images/${encodeURIComponent(image)}?force=1`).catch(() => {});
  }

  const cast = (environment: Environment): EngineEnvironment => environment as EngineEnvironment;
  return {
    name: 'docker',
    version,
    async open(store: LayoutStore, { manifest: digest }) {
      const manifest = await readManifest(store, digest);
      const config = await readImageConfig(store, manifest);
      const tag = `localhost/nodeworthy-test:${randomUUID()}`;
      await engine.upload('POST', '/images/load?quiet=1', imageArchive(store, manifest, tag));
      images.add(tag);
      const loaded = Inspected.parse(await engine.get(`/images/${encodeURIComponent(tag)}/json`));
      if (loaded.RootFS.Layers.join() !== config.rootfs.diff_ids.join()) {
        throw new Failure('INTEGRITY', `the engine did not load the layers of ${digest}`, {
          hint: 'it was not tested; the engine changes layers on import',
        });
      }
      return { config, image: tag, owned: [tag] } satisfies EngineEnvironment;
    },
    async addLayer(environment, files) {
      const before = cast(environment);
      const container = await createContainer(before);
      try {
        await engine.upload('PUT', `/containers/${container}/archive?path=/`, filesArchive(files));
        const image = await commit(container);
        return { ...before, image, owned: [image] } satisfies EngineEnvironment;
      } finally {
        await engine.remove(`/containers/${container}?force=1`);
      }
    },
    async run(environment, request, signal) {
      signal.throwIfAborted();
      const before = cast(environment);
      const container = await createContainer(before, request);
      try {
        const result = await runContainer(engine, container, { request, signal });
        if (!request.keepChanges) return { result, environment };
        const image = await commit(container);
        return {
          result,
          environment: { ...before, image, owned: [...before.owned, image] } satisfies EngineEnvironment,
        };
      } finally {
        await engine.remove(`/containers/${container}?force=1`);
      }
    },
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

function containerBody(environment: EngineEnvironment, request: RunRequest | undefined): unknown {
  const args = request?.args;
  const variables = new Map<string, string>();
  for (const line of environment.config.config?.Env ?? [])
    variables.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
  for (const [name, value] of Object.entries(request?.env ?? {})) variables.set(name, value);
  return {
    Image: environment.image,
    Hostname: 'nodeworthy-test',
    Entrypoint: args ? [args[0]] : environment.config.config?.Entrypoint,
    Cmd: args ? args.slice(1) : (request?.command ?? environment.config.config?.Cmd),
    Env: [...variables].map(([name, value]) => `${name}=${value}`),
    User: request?.user ?? environment.config.config?.User,
    WorkingDir: request?.workingDirectory ?? environment.config.config?.WorkingDir,
    HostConfig: {
      NetworkMode: 'none',
      // Without a network the engine leaves the container's own name out of /etc/hosts.
      ExtraHosts: ['nodeworthy-test:127.0.1.1'],
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: request?.pidsLimit ?? 512,
      ReadonlyRootfs: request?.readOnly ?? false,
      Tmpfs: Object.fromEntries((request?.tmpfs ?? []).map((path) => [path, 'mode=1777'])),
      ...(request?.memoryBytes === undefined ? {} : { Memory: request.memoryBytes, MemorySwap: request.memoryBytes }),
    },
  };
}

async function runContainer(
  engine: EngineClient,
  container: string,
  { request, signal }: { readonly request: RunRequest; readonly signal: AbortSignal },
): Promise<RunResult> {
  const started = performance.now();
  const out = boundedText(maxOutputBytes);
  const err = boundedText(maxOutputBytes);
  let timedOut = false;
  const kill = (name: string): void => void engine.post(`/containers/${container}/kill?signal=${name}`).catch(() => {});
  await engine.post(`/containers/${container}/start`);
  const stop = (): void => kill('SIGKILL');
  signal.addEventListener('abort', stop, { once: true });
  const timer = setTimeout(() => {
    timedOut = true;
    stop();
  }, request.timeoutMs);
  try {
    let seen = '';
    let signalled = request.signalAfter === undefined;
    for await (const { stream, bytes } of demultiplex(
      await engine.stream(`/containers/${container}/logs?follow=1&stdout=1&stderr=1`, signal),
    )) {
      (stream === 2 ? err : out).add(bytes);
      if (signalled || stream === 2) continue;
      seen = (seen + bytes.toString('utf8')).slice(-4096);
      if (!seen.includes(request.signalAfter?.text ?? '')) continue;
      signalled = true;
      kill(request.signalAfter?.signal ?? 'SIGTERM');
    }
    const { StatusCode } = Waited.parse(await engine.post(`/containers/${container}/wait`));
    signal.throwIfAborted();
    return {
      exitCode: StatusCode,
      stdout: out.text(),
      stderr: err.text(),
      droppedBytes: out.dropped() + err.dropped(),
      timedOut,
      durationMs: performance.now() - started,
    };
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Frames of eight header bytes (stream number, three zeros, big-endian length) and their content, as attach and logs send them. */
async function* demultiplex(chunks: AsyncIterable<Buffer>): AsyncGenerator<{ stream: number; bytes: Buffer }> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 8 && rest.length >= 8 + rest.readUInt32BE(4)) {
      const end = 8 + rest.readUInt32BE(4);
      yield { stream: rest[0] ?? 1, bytes: rest.subarray(8, end) };
      rest = rest.subarray(end);
    }
  }
}
