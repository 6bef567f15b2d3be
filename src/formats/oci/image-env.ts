import type { ImageConfig } from './descriptor.ts';

/** Variables of an image config (image spec, "config.Env"): `NAME=value`, of which a value may hold further `=`. */
export function imageEnv({ config }: ImageConfig): Record<string, string> {
  return Object.fromEntries(
    (config?.Env ?? []).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}
