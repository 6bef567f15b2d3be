import { Failure } from '../../core/errors.ts';
import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import { defaultCapabilities, defaultMemoryBytes, type Capabilities, type RunRequest } from '../runtime.ts';

/** Name of everything that we leave in an engine while we work; its tags carry the number of our process. */
export const imageName = 'localhost/nodeworthy-test';
export const processLabel = 'io.nodeworthy.process';

/** What `POST /containers/create` wants (engine API 1.41): as closed as the runc runtime makes it. */
export function containerBody({
  config: { config },
  image,
  request,
}: {
  readonly config: ImageConfig;
  readonly image: string;
  readonly request: RunRequest | undefined;
}): unknown {
  const args = request?.args;
  const variables = new Map<string, string>();
  for (const line of config?.Env ?? [])
    variables.set(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1));
  for (const [name, value] of Object.entries(request?.env ?? {})) variables.set(name, value);
  const terminal = request?.terminal ?? false;
  return {
    Image: image,
    Labels: { [processLabel]: String(process.pid) },
    Hostname: 'nodeworthy-test',
    Entrypoint: args ? [args[0]] : config?.Entrypoint,
    // One that is never started must have a command all the same.
    Cmd: args ? args.slice(1) : (request?.command ?? config?.Cmd ?? (config?.Entrypoint?.length ? [] : ['-'])),
    Env: [...variables].map(([name, value]) => `${name}=${value}`),
    User: request?.user ?? config?.User,
    WorkingDir: request?.workingDirectory ?? config?.WorkingDir,
    Tty: terminal,
    OpenStdin: request?.input !== undefined || terminal,
    StdinOnce: request?.input !== undefined && request.input !== 'open',
    AttachStdin: request?.input !== undefined,
    HostConfig: {
      NetworkMode: 'none',
      // Without a network the engine leaves the container's own name out of /etc/hosts.
      ExtraHosts: ['nodeworthy-test:127.0.1.1'],
      ...privileges(request?.capabilities),
      PidsLimit: request?.pidsLimit ?? 512,
      ReadonlyRootfs: request?.readOnly ?? false,
      // Not as text with colons, which a path may have as well.
      Mounts: (request?.binds ?? []).map(({ source, target, readOnly }) => ({
        Type: 'bind',
        Source: source,
        Target: target,
        ReadOnly: readOnly,
      })),
      Tmpfs: Object.fromEntries((request?.tmpfs ?? []).map((path) => [path, 'mode=1777'])),
      ...(request?.cpus === undefined ? {} : { CpuPeriod: 100_000, CpuQuota: Math.round(request.cpus * 100_000) }),
      Memory: request?.memoryBytes ?? defaultMemoryBytes,
      MemorySwap: request?.memoryBytes ?? defaultMemoryBytes,
    },
  };
}

/** What reaches no further than a container's own namespaces, beyond what engines give anyway (capabilities(7)). */
const harmless: ReadonlySet<string> = new Set([
  ...defaultCapabilities,
  'NET_ADMIN',
  'NET_BROADCAST',
  'IPC_LOCK',
  'LEASE',
]);

/** @throws Failure USAGE for a test that wants what would let it out of a container without a user namespace */
function privileges(wanted: Capabilities = 'none') {
  const closed = ['no-new-privileges'];
  if (wanted === 'none') return { CapDrop: ['ALL'], SecurityOpt: closed };
  if (wanted === 'default') return { SecurityOpt: closed };
  const names = wanted === 'all' ? ['ALL'] : wanted.map((name) => name.replace(/^CAP_/i, '').toUpperCase());
  const wide = names.find((name) => !harmless.has(name));
  if (wide === undefined) return { CapAdd: names };
  throw new Failure('USAGE', `the capability ${wide} reaches the machine itself under this engine`, {
    hint: 'run the test with --runtime runc, where it ends with the namespaces of the container',
  });
}
