import { lstat, readFile, readdir, readlink, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { z } from 'zod';
import { canonicalJson, compareText } from '../../../../core/canonical-json.ts';
import { digestOf } from '../../../../core/digest.ts';
import { Failure } from '../../../../core/errors.ts';
import { readDockerignore } from '../../../../formats/dockerfile/path-patterns.ts';
import { resolveUser } from '../../../../runtimes/resolve-user.ts';
import type { LayerFile } from '../../../../runtimes/runtime.ts';
import type { Suite } from '../../report.ts';
import { runProgram } from '../../run-program.ts';
import type { CaseOutcome, TestSuite, TestTarget } from '../../suite.ts';
import { clientSuite, type TestDefinition, type TestKind } from '../test-kind.ts';
import { installDependencies } from './install-dependencies.ts';

const Manifest = z.looseObject({
  name: z.string().optional(),
  scripts: z.record(z.string(), z.string()).optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
});

/** Where the application is in the image. */
const home = 'nodeworthy-test/application';
const maxBytes = 1 << 30;

export const applicationKind: TestKind = {
  name: 'application',
  summary: 'A folder with a package.json whose `npm test` must succeed on the image',
  async recognises(path) {
    const text = await readFile(join(path, 'package.json'), 'utf8').catch(() => undefined);
    return text !== undefined && /"test"\s*:/.test(text);
  },
  load: (definition) => loadApplication(definition, clientSuite),
};

/** @param toSuite who defined it */
export async function loadApplication(
  { path, shownPath, name, settings, env }: TestDefinition,
  toSuite: (id: string, kind: 'application', digest: Suite['digest']) => Suite,
): Promise<TestSuite> {
  const shown = join(shownPath, 'package.json');
  const manifest = await readManifest(join(path, 'package.json'), shown);
  const script = manifest.scripts?.['test'];
  if (script === undefined)
    throw new Failure('RECIPE_INVALID', `${shown} has no test script`, {
      hint: 'add one: "scripts": { "test": "node --test" }',
    });
  const hasLock = await isFile(join(path, 'package-lock.json'));
  const hasModules = (await stat(join(path, 'node_modules')).catch(() => undefined))?.isDirectory() ?? false;
  if (Object.keys(manifest.dependencies ?? {}).length > 0 && !hasLock && !hasModules)
    throw new Failure('RECIPE_INVALID', `${shown} has dependencies and neither package-lock.json nor node_modules`, {
      hint: 'run `npm install` there, and commit package-lock.json',
    });
  const files = await readApplication(path, { withModules: !hasLock });
  const id = name ?? basename(path);
  const digest = digestOf(
    canonicalJson([files.map(({ bytes, ...rest }) => [rest, digestOf(bytes ?? '')]), settings.hosts]),
  );
  return {
    suite: toSuite(id, 'application', digest),
    settings,
    jobs: [
      {
        ids: [id],
        run: (target) => runApplication(target, { id, path, shown, script, hasLock, files, settings, env }),
      },
    ],
  };
}

interface Application extends Pick<TestDefinition, 'path' | 'settings' | 'env'> {
  readonly id: string;
  readonly shown: string;
  readonly script: string;
  readonly hasLock: boolean;
  readonly files: readonly LayerFile[];
}

async function runApplication(target: TestTarget, application: Application): Promise<readonly CaseOutcome[]> {
  const { runtime, environment, platform, store, context } = target;
  const { tree, config } = await target.view();
  const accounts = async (name: string): Promise<string> =>
    (await runtime.readFile(environment, `etc/${name}`))?.toString('utf8') ?? '';
  const user = resolveUser(config.config?.User ?? '', {
    passwd: await accounts('passwd'),
    group: await accounts('group'),
  });
  const owner = { uid: user.uid, gid: user.gid };
  const libc = tree.list('lib').some((name) => name.startsWith('ld-musl-')) ? 'musl' : 'glibc';
  const { path, shown, env, files } = application;
  const modules = application.hasLock
    ? await readFolder(
        join(
          await installDependencies(store, { folder: path, shown, platform, libc, env, signal: context.signal }),
          'node_modules',
        ),
        'node_modules',
      )
    : [];
  const layer = [{ path: home, kind: 'directory', mode: 0o755 } as const, ...files, ...modules].map(
    (file): LayerFile => ({ ...file, ...owner, path: file.path === home ? home : posix.join(home, file.path) }),
  );
  const hasShell = tree.get(tree.realPath('bin/sh')) !== undefined;
  const hasNpm = tree.get('usr/local/bin/npm') !== undefined;
  const args = hasShell
    ? hasNpm
      ? ['npm', 'test']
      : ['node', '--run', 'test']
    : wordsOf(application.script, files, modules);
  if (!args)
    return [
      {
        id: application.id,
        problems: [`the image has no shell, and the test script needs one: ${application.script}`],
        durationMs: 0,
        exitCode: null,
        output: '',
        droppedBytes: 0,
        layers: [],
      },
    ];
  return await runProgram(target, {
    id: application.id,
    layer,
    request: {
      args,
      workingDirectory: `/${home}`,
      env: { npm_config_update_notifier: 'false', npm_config_cache: '/tmp/npm-cache' },
      hosts: application.settings.hosts,
      timeoutMs: application.settings.stepTimeoutMs,
    },
  });
}

/** A script that needs no shell, as words: a program of a dependency is started by node itself. */
function wordsOf(script: string, ...trees: readonly (readonly Pick<LayerFile, 'path'>[])[]): string[] | undefined {
  if (/[|&;<>()$`"'*?{}~#]/.test(script)) return undefined;
  const [program = '', ...rest] = script.trim().split(/\s+/);
  if (program === 'node') return [program, ...rest];
  const place = `node_modules/.bin/${program}`;
  return trees.flat().some(({ path }) => path === place) ? ['node', place, ...rest] : undefined;
}

async function readManifest(path: string, shown: string): Promise<z.infer<typeof Manifest>> {
  try {
    return Manifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (error) {
    throw new Failure(
      'RECIPE_INVALID',
      `${shown}: ${error instanceof SyntaxError ? error.message : 'is no package.json'}`,
      {
        cause: error,
      },
    );
  }
}

/** What a build would copy: without what `.dockerignore` leaves out, version control, and modules that a lock brings. */
async function readApplication(path: string, { withModules }: { readonly withModules: boolean }): Promise<LayerFile[]> {
  const ignored = readDockerignore(await readFile(join(path, '.dockerignore'), 'utf8').catch(() => ''));
  const always = (file: string): boolean => file === '.git' || (file === 'node_modules' && !withModules);
  return await readFolder(path, '', (file) => always(file) || (ignored(file) && !file.startsWith('node_modules')));
}

async function readFolder(
  folder: string,
  prefix: string,
  isLeftOut: (path: string) => boolean = () => false,
): Promise<LayerFile[]> {
  const files: LayerFile[] = [];
  let totalBytes = 0;
  async function visit(at: string): Promise<void> {
    for (const name of (await readdir(join(folder, at))).sort(compareText)) {
      const path = at === '' ? name : posix.join(at, name);
      if (isLeftOut(path)) continue;
      const full = join(folder, path);
      const stats = await lstat(full);
      const entry = { path: posix.join(prefix, path), uid: 0, gid: 0 };
      if (stats.isDirectory()) {
        files.push({ ...entry, kind: 'directory', mode: 0o755 });
        await visit(path);
      } else if (stats.isSymbolicLink())
        files.push({ ...entry, kind: 'symlink', mode: 0o777, target: await readlink(full) });
      else if (stats.isFile()) {
        totalBytes += stats.size;
        if (totalBytes > maxBytes)
          throw new Failure('RECIPE_INVALID', `${folder} has more than ${maxBytes / 2 ** 20} MiB of files`, {
            hint: 'leave out what the tests do not need with .dockerignore',
          });
        const mode = (stats.mode & 0o100) !== 0 ? 0o755 : 0o644;
        files.push({ ...entry, kind: 'file', mode, bytes: await readFile(full) });
      }
    }
  }
  await visit('');
  return files;
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
