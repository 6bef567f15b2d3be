// What the benchmarks share: commands with their time and memory, docker beside them, and bars.
import { spawn } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { exec } from '../../src/core/exec.ts';
import { entry } from '../support/cli.ts';
import type { Daemon } from '../support/daemons.ts';

export interface RunJson {
  readonly cells: readonly {
    readonly id: string;
    readonly outcome: string;
    readonly reason?: string;
    readonly platforms: readonly { readonly sizeBytes: number; readonly digest: string }[];
    readonly targets: readonly { readonly uploadedBytes: number }[];
  }[];
}

export interface Measured {
  readonly seconds: number;
  readonly peakMb: number;
  readonly json: RunJson;
}

export interface Bar {
  readonly name: string;
  readonly value: number;
  readonly limit: number;
  readonly unit: string;
  readonly holds: boolean;
}

export function bar(name: string, value: number, limit: number, unit: string): Bar {
  return { name, value, limit, unit, holds: value <= limit };
}

export function printBars(bars: readonly Bar[], file: string): void {
  const lines = bars.map(
    (item) =>
      `${item.holds ? 'holds      ' : 'FALLS SHORT'}  ${item.name}: ${item.value.toFixed(item.limit < 10 ? 2 : 1)}${item.unit} (at most ${item.limit}${item.unit})`,
  );
  process.stdout.write(`\n${lines.join('\n')}\nwritten to ${file}\n`);
}

/** Time and highest resident memory of one command, as the kernel counts it. */
export async function nodeworthy(
  cwd: string,
  args: readonly string[],
  exitCodes: readonly number[] = [0],
): Promise<Measured> {
  const started = performance.now();
  const child = spawn(process.execPath, [entry, ...args, '--json', '--quiet'], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, CI: 'true' },
  });
  let peakMb = 0;
  const timer = setInterval(() => {
    void readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => (peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1000)),
      () => {},
    );
  }, 20);
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => child.on('close', resolve));
  clearInterval(timer);
  const seconds = (performance.now() - started) / 1000;
  if (status === null || !exitCodes.includes(status))
    throw new Error(`nodeworthy ${args.join(' ')} ended with ${String(status)}\n${troubles(output)}`);
  return { seconds, peakMb, json: JSON.parse(output) as RunJson };
}

/** Which cells are not in order, and because of which check. */
function troubles(output: string): string {
  if (output === '') return 'it printed nothing';
  const { cells } = JSON.parse(output) as RunJson;
  return cells
    .flatMap(({ id, outcome, reason }) => (reason === undefined ? [] : [`  ${id} ${outcome}: ${reason}`]))
    .join('\n');
}

/** The files of each image's layers as a build context: docker copies the very same bytes. */
export async function prepareContexts(contexts: string, workspace: string, json: RunJson): Promise<void> {
  for (const cell of json.cells) {
    const context = join(contexts, cell.id);
    await mkdir(context, { recursive: true });
    const store = join(workspace, '.nodeworthy/store');
    const manifest = JSON.parse(
      await readFile(join(store, 'blobs/sha256', String(cell.platforms[0]?.digest).slice(7)), 'utf8'),
    ) as { layers: { digest: string }[] };
    for (const [index, layer] of manifest.layers.entries()) {
      const target = join(context, `layer${index}`);
      await mkdir(target);
      await exec('tar', ['-xzf', join(store, 'blobs/sha256', layer.digest.slice(7)), '-C', target]);
    }
    const lines = [
      'FROM scratch',
      ...manifest.layers.map((_, index) => `COPY layer${index}/ /`),
      'ENV PATH=/usr/local/bin:/usr/bin:/bin',
      'USER 1000:1000',
      'WORKDIR /app',
      'ENTRYPOINT ["/usr/bin/tini", "--"]',
      'CMD ["node"]',
    ];
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
  }
}

export async function dockerRun(
  docker: Daemon,
  args: readonly string[],
  env: Record<string, string> = { DOCKER_BUILDKIT: '1' },
): Promise<void> {
  const result = await exec('/usr/bin/docker', args, {
    env: { ...process.env, DOCKER_HOST: docker.address, ...env },
    timeoutMs: 600_000,
  });
  if (result.exitCode !== 0) throw new Error(`docker ${args.join(' ')}: ${result.stderr}`);
}

export function uploaded(json: RunJson | undefined): number {
  return (json?.cells ?? []).flatMap((cell) => cell.targets).reduce((sum, target) => sum + target.uploadedBytes, 0);
}

export function requireAll(json: RunJson, outcome: string): void {
  const others = json.cells.filter((cell) => cell.outcome !== outcome);
  if (others.length === 0) return;
  const lines = others.map(
    (cell) => `  ${cell.id} is ${cell.outcome}, not ${outcome}${cell.reason ? `: ${cell.reason}` : ''}`,
  );
  throw new Error(lines.join('\n'));
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
