import type { ImageConfig } from '../oci/descriptor.ts';

export interface DockerfileLayer {
  /** Archive in the build context. */
  readonly file: string;
  /** What it is, for a comment. */
  readonly title: string;
}

export interface DockerfileInput {
  /** Name of the cell it is made from. */
  readonly cell: string;
  /** Digest of the manifest it is equivalent to. */
  readonly digest: string;
  readonly config: ImageConfig;
  readonly layers: readonly DockerfileLayer[];
}

/**
 * A Dockerfile that makes the file system and the configuration of an image from its layers (Dockerfile reference,
 * "ADD": archives are unpacked with their owners and modes). The same image gives the same text.
 */
export function writeDockerfile({ cell, digest, config, layers }: DockerfileInput): string {
  const { Env = [], Labels = {}, User, WorkingDir, Entrypoint, Cmd, StopSignal } = config.config ?? {};
  const lines = [
    `# Generated with \`nodeworthy dockerfile ${cell}\`. Do not edit: change the recipe and generate it again.`,
    `# Makes what ${digest} holds.`,
    'FROM scratch',
    ...layers.flatMap(({ file, title }) => [`# ${title.replaceAll(/\s+/g, ' ')}`, `ADD ["${file}", "/"]`]),
    ...(Env ?? []).map(
      (line) => `ENV ${assignment(line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1))}`,
    ),
    ...Object.entries(Labels ?? {}).map(([name, value]) => `LABEL ${assignment(quote(name), value)}`),
    ...(WorkingDir ? [`WORKDIR ${WorkingDir}`] : []),
    ...(User ? [`USER ${User}`] : []),
    ...(StopSignal ? [`STOPSIGNAL ${StopSignal}`] : []),
    ...(Entrypoint ? [`ENTRYPOINT ${JSON.stringify(Entrypoint)}`] : []),
    ...(Cmd ? [`CMD ${JSON.stringify(Cmd)}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function assignment(name: string, value: string): string {
  return `${name}=${quote(value)}`;
}

/** Variables are expanded in a Dockerfile even between quotes. */
function quote(text: string): string {
  return `"${text.replaceAll(/[\\"$]/g, '\\$&')}"`;
}
