import { posix } from 'node:path';
import { imageEnv } from '../../../../formats/oci/image-env.ts';
import { expandGo, findsPattern, goMode } from '../../../../formats/structure-test/go-text.ts';
import type {
  FileContentTest,
  FileExistenceTest,
  KeyValue,
  LicenseTest,
  MetadataTest,
  StructureTest,
} from '../../../../formats/structure-test/read-structure-test.ts';
import type { ImageView } from '../../image-view.ts';
import type { TestTarget } from '../../suite.ts';
import { globalEnv } from './global-env.ts';

interface Seen {
  readonly kind: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** What every container has, whether the image brings it or not (moby, "init layer"). */
const suppliedByEngines: Readonly<Record<string, Seen>> = {
  ...Object.fromEntries(
    ['.dockerenv', 'dev/console', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf'].map((path) => [
      path,
      { kind: 'file', mode: 0o755, uid: 0, gid: 0 },
    ]),
  ),
  ...Object.fromEntries(
    ['dev', 'dev/pts', 'dev/shm', 'proc', 'sys'].map((path) => [
      path,
      { kind: 'directory', mode: 0o755, uid: 0, gid: 0 },
    ]),
  ),
};

function look({ tree }: ImageView, path: string): Seen | undefined {
  const clean = posix.resolve('/', path).slice(1);
  if (clean === '') return { kind: 'directory', mode: 0o755, uid: 0, gid: 0 };
  return tree.get(clean) ?? suppliedByEngines[clean];
}

export async function checkFileExistence(
  target: TestTarget,
  file: FileExistenceTest,
  test: StructureTest,
): Promise<string[]> {
  if (file.name === '') return ['Please provide a valid name for every test'];
  if (file.path === '') return [`Please provide a valid file path for test ${file.name}`];
  const env = globalEnv(imageEnv(target.environment.config), test);
  const path = expandGo(file.path, (name) => env[name]);
  const seen = look(await target.view(), path);
  if (!file.shouldExist) return seen ? [`File ${path} should not exist but does`] : [];
  if (!seen) return [`File ${path} should exist but does not, got error: no such file or directory`];
  const problems: string[] = [];
  const mode = goMode(seen.kind, seen.mode);
  if (file.permissions !== '' && file.permissions !== mode)
    problems.push(`${path} has incorrect permissions. Expected: ${file.permissions}, Actual: ${mode}`);
  if (file.uid !== -1 && file.uid !== seen.uid)
    problems.push(`${path} has incorrect user ownership. Expected: ${file.uid}, Actual: ${seen.uid}`);
  if (file.gid !== -1 && file.gid !== seen.gid)
    problems.push(`${path} has incorrect group ownership. Expected: ${file.gid}, Actual: ${seen.gid}`);
  if (file.isExecutableBy !== '') {
    const bits: Readonly<Record<string, number>> = { any: 0o111, owner: 0o100, group: 0o010, other: 0o001 };
    const wanted = bits[file.isExecutableBy];
    if (wanted === undefined) problems.push(`${file.isExecutableBy} not recognised as a valid option`);
    else if ((seen.mode & wanted) === 0)
      problems.push(
        `${path} has incorrect executable bit. Expected to be executable by ${file.isExecutableBy}, Actual: ${mode}`,
      );
  }
  return problems;
}

export async function checkFileContent({ runtime, environment }: TestTarget, file: FileContentTest): Promise<string[]> {
  if (file.name === '') return ['Please provide a valid name for every test'];
  if (file.path === '') return [`Please provide a valid file path for test ${file.name}`];
  const bytes = await runtime.readFile(environment, file.path);
  if (!bytes) {
    const what = (await runtime.isFolder(environment, file.path)) ? 'is a directory' : 'no such file or directory';
    return [`Failed to open ${file.path}. Error: ${what}`];
  }
  const text = bytes.toString('utf8');
  const problems: string[] = [];
  for (const [patterns, isWanted] of [
    [file.expectedContents, true],
    [file.excludedContents, false],
  ] as const)
    for (const pattern of patterns) {
      const found = findsPattern(pattern, text);
      if (found === undefined) problems.push(`Invalid regular expression '${pattern}'`);
      else if (found !== isWanted)
        problems.push(
          `${isWanted ? 'Expected' : 'Excluded'} string '${pattern}' ${isWanted ? 'not ' : ''}found in file content`,
        );
    }
  return problems;
}

export function checkMetadata({ environment: { config: image } }: TestTarget, test: MetadataTest): Promise<string[]> {
  const { config } = image;
  const problems: string[] = [];
  const env = new Map(Object.entries(imageEnv(image)));
  function compare(what: string, { key, value, isRegex }: KeyValue, actual: string | undefined): void {
    if (actual === undefined) problems.push(`${what} ${key} not found in image metadata`);
    else if (isRegex ? findsPattern(value, actual) !== true : actual !== value)
      problems.push(
        `${what} ${key} value ${JSON.stringify(actual)} does not match ${isRegex ? 'pattern' : 'value'}: ${JSON.stringify(value)}`,
      );
  }
  for (const pair of test.envVars) compare('env var', pair, env.get(pair.key));
  for (const { key } of test.unboundEnvVars)
    if (env.has(key)) problems.push(`env var ${key} should not be present in image metadata`);
  for (const pair of test.labels) compare('label', pair, config?.Labels?.[pair.key]);
  // The protocol is not compared: 80 means 80/tcp as well.
  const ports = new Set(Object.keys(config?.ExposedPorts ?? {}).flatMap((port) => [port, port.split('/')[0] ?? '']));
  for (const port of test.exposedPorts) if (!ports.has(port)) problems.push(`Port ${port} not found in config`);
  for (const port of test.unexposedPorts) if (ports.has(port)) problems.push(`Port ${port} should not be exposed`);
  const volumes = new Set(Object.keys(config?.Volumes ?? {}));
  for (const volume of test.volumes) if (!volumes.has(volume)) problems.push(`Volume ${volume} not found in config`);
  for (const volume of test.unmountedVolumes)
    if (volumes.has(volume)) problems.push(`Volume ${volume} should not be mounted`);
  for (const [what, wanted, actual] of [
    ['entrypoint', test.entrypoint, config?.Entrypoint ?? []],
    ['cmd', test.cmd, config?.Cmd ?? []],
  ] as const)
    if (wanted && JSON.stringify(wanted) !== JSON.stringify(actual))
      problems.push(
        `Image ${what} ${JSON.stringify(actual)} does not match expected ${what}: ${JSON.stringify(wanted)}`,
      );
  if (test.workdir !== '' && test.workdir !== (config?.WorkingDir ?? ''))
    problems.push(`Image workdir ${config?.WorkingDir ?? ''} does not match config workdir: ${test.workdir}`);
  if (test.user !== '' && test.user !== (config?.User ?? ''))
    problems.push(`Image user ${config?.User ?? ''} does not match config user: ${test.user}`);
  return Promise.resolve(problems);
}

const refusedLicenses = ['AGPL', 'WTFPL'];
/** Says AGPL in its text, and is not. */
const allowedPackages = new Set(['libgnutls30']);

export async function checkLicenses(
  { runtime, environment, view }: TestTarget,
  { debian, files }: LicenseTest,
): Promise<string[]> {
  const problems: string[] = [];
  async function check(path: string, missing: string): Promise<void> {
    const bytes = await runtime.readFile(environment, path);
    if (!bytes) return void problems.push(missing);
    const text = bytes.toString('utf8').toUpperCase();
    for (const license of refusedLicenses)
      if (text.includes(license)) problems.push(`Invalid license for file ${path}: contains ${license}`);
  }
  if (debian) {
    const { tree } = await view();
    for (const name of tree.list('usr/share/doc')) {
      if (tree.get(`usr/share/doc/${name}`)?.kind !== 'directory' || allowedPackages.has(name)) continue;
      await check(`/usr/share/doc/${name}/copyright`, `No license file found for package ${name}`);
    }
  }
  for (const file of files) await check(file, `Error reading license file ${file}: no such file`);
  return problems;
}
