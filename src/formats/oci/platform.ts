import { Failure } from '../../core/errors.ts';

export type Architecture = 'amd64' | 'arm64';

/** Architecture of `linux/amd64` and the like, in the words of the OCI image spec and of Debian. */
export function architectureOf(platform: string): Architecture {
  if (platform === 'linux/amd64') return 'amd64';
  if (platform === 'linux/arm64') return 'arm64';
  throw new Failure('SELECTION_EMPTY', `there is no image for the platform ${platform}`);
}
