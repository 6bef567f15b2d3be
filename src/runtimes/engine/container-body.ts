import type { ImageConfig } from '../../formats/oci/descriptor.ts';
import type { Capabilities, RunRequest } from '../runtime.ts';

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
      ...(request?.memoryBytes === undefined ? {} : { Memory: request.memoryBytes, MemorySwap: request.memoryBytes }),
    },
  };
}

function privileges(wanted: Capabilities = 'none') {
  if (wanted === 'none') return { CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] };
  if (wanted === 'all') return { Privileged: true };
  return wanted === 'default' ? {} : { CapAdd: [...wanted] };
}
