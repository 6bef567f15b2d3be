export interface BuildArguments {
  readonly dockerfile: string;
  readonly folder: string;
  readonly tag: string;
  readonly variables: readonly string[];
}

interface Engine {
  readonly program: string;
  /** Arguments that succeed when the engine can be used. */
  readonly probe: readonly string[];
  build(request: BuildArguments): string[];
  save(tag: string, archive: string): string[];
  remove(tag: string): string[];
}

/** The table of the family: engines differ in their arguments only. */
export const engines = {
  docker: {
    program: 'docker',
    probe: ['version', '--format', '{{.Server.Version}}'],
    build: ({ dockerfile, folder, tag, variables }) => [
      'build',
      '--file',
      dockerfile,
      '--tag',
      tag,
      ...variables,
      folder,
    ],
    save: (tag, archive) => ['save', '--output', archive, tag],
    remove: (tag) => ['rmi', '--force', tag],
  },
  podman: {
    program: 'podman',
    probe: ['info', '--format', '{{.Version.Version}}'],
    build: ({ dockerfile, folder, tag, variables }) => [
      'build',
      '--file',
      dockerfile,
      '--tag',
      tag,
      ...variables,
      folder,
    ],
    save: (tag, archive) => ['save', '--format', 'docker-archive', '--output', archive, tag],
    remove: (tag) => ['rmi', '--force', tag],
  },
  buildah: {
    program: 'buildah',
    probe: ['version'],
    build: ({ dockerfile, folder, tag, variables }) => [
      'build',
      '--file',
      dockerfile,
      '--tag',
      tag,
      ...variables,
      folder,
    ],
    save: (tag, archive) => ['push', tag, `docker-archive:${archive}:${tag}`],
    remove: (tag) => ['rmi', '--force', tag],
  },
} as const satisfies Record<string, Engine>;

export type EngineName = keyof typeof engines;
