import { Failure } from '../../core/errors.ts';
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
  refuseControl(config);
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

/** A line's end in a value would be the beginning of an instruction, and there is no way to write it otherwise. */
function refuseControl({ config = {} }: ImageConfig): void {
  // oxlint-disable-next-line no-control-regex
  const found = /[\u0000-\u001f\u007f]/;
  for (const [name, value] of Object.entries(config)) {
    if (collect(value).every((text) => !found.test(text))) continue;
    throw new Failure('SOURCE_INVALID', `the image's ${name} holds a control character, which no Dockerfile can say`, {
      hint: 'make the image again without it; nothing was written',
    });
  }
}

function collect(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) => [name, ...collect(item)]);
}

/** Variables are expanded in a Dockerfile even between quotes. */
function quote(text: string): string {
  return `"${text.replaceAll(/[\\"$]/g, '\\$&')}"`;
}
