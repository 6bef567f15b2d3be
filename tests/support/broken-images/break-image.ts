import type { ImageConfig } from '../../../src/formats/oci/descriptor.ts';
import type { LayerFile } from '../../../src/runtimes/runtime.ts';
import type { CheckedCell } from '../../../src/stages/test/battery/battery.ts';
import type { Breakage } from '../battery-target.ts';

type Config = NonNullable<ImageConfig['config']>;

export interface BrokenImage {
  /** Cases that must notice. */
  readonly ids: readonly string[];
  readonly what: string;
  /** Variant that has the check; `runtime` without it. */
  readonly variant?: 'slim' | 'build';
  readonly cell?: Partial<CheckedCell>;
  readonly breakage: (config: Config) => Breakage;
}

export const textFile = (path: string, text: string, more: Partial<LayerFile> = {}): LayerFile => ({
  path,
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  bytes: Buffer.from(text),
  ...more,
});

export const files =
  (...list: LayerFile[]) =>
  (): Breakage => ({ files: list });
export const changeEnv =
  (change: (line: string) => string | undefined) =>
  ({ Env }: Config): Breakage => ({ config: { Env: (Env ?? []).flatMap((line) => change(line) ?? []) } });
export const addEnv =
  (line: string) =>
  ({ Env }: Config): Breakage => ({ config: { Env: [...(Env ?? []), line] } });

/** A Node.js that is not what it was: code that runs before everything, in each of its processes. */
export const patched =
  (code: string) =>
  ({ Env }: Config): Breakage => ({
    files: [textFile('break.cjs', `${code};require('module').syncBuiltinESMExports();`)],
    config: {
      Env: (Env ?? []).map((line) => (line.startsWith('NODE_OPTIONS=') ? `${line} --require=/break.cjs` : line)),
    },
  });

/** An entrypoint that stands between the engine and the process. */
export const wrapped = (code: string) => (): Breakage => ({
  files: [
    textFile(
      'wrap.cjs',
      `const [, , file, ...args] = process.argv; const { spawn } = require('child_process'); ${code}`,
    ),
  ],
  config: { Entrypoint: ['/usr/local/bin/node', '/wrap.cjs'] },
});
export const passOn = (flags: string, stdio: string): string =>
  `spawn(file, [${flags}...args], { stdio: ${stdio} }).on('close', (code) => process.exit(code ?? 1));`;

const failing = '#!/bin/sh\nexit 3\n';
export const program = (path: string, text = failing): LayerFile => textFile(path, text, { mode: 0o755 });
