import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { digestOf, type Digest } from '../core/digest.ts';
import { canonicalJson } from '../core/canonical-json.ts';
import { Failure, systemCode } from '../core/errors.ts';
import { findSecret, namesSecret } from './find-secret.ts';
import type { OverlayConfig } from './overlay-schema.ts';

export interface OverlayFile {
  /** Without a leading slash. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface OverlayCertificate {
  readonly name: string;
  readonly pem: string;
}

export interface OverlayUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** An overlay with its files read and its short forms written out. */
export interface Overlay {
  readonly name: string;
  /** Digest of everything it changes, contents included. */
  readonly digest: Digest;
  readonly cells: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly nodeOptions: readonly string[];
  readonly npm: Readonly<Record<string, string>>;
  readonly certificates: readonly OverlayCertificate[];
  readonly timeZone: string | undefined;
  readonly files: readonly OverlayFile[];
  readonly user: string | undefined;
  readonly users: readonly OverlayUser[];
  readonly labels: Readonly<Record<string, string>>;
  readonly packages: readonly string[];
  readonly heapPercentage: number | undefined;
  readonly semiSpaceMb: number | undefined;
}

export interface OverlayContext {
  /** Folder that relative paths start from. */
  readonly folder: string;
  readonly now: Date;
  /** `file:line:column` of a part of the overlay. */
  readonly locate: (path: readonly PropertyKey[]) => string;
}

const maxFileBytes = 64 << 20;

/**
 * Reads an overlay's files and refuses what must not be in an image.
 * @throws Failure RECIPE_INVALID with the line: a secret, a file that is not there, a certificate that is none, has
 * ended, or is no authority
 */
export async function loadOverlay(config: OverlayConfig, context: OverlayContext): Promise<Overlay> {
  const { tuning, proxies } = config;
  const environment: Record<string, string> = {
    ...config.environment,
    ...(config.locale === undefined ? {} : { LANG: config.locale }),
    ...(config.timeZone === undefined ? {} : { TZ: config.timeZone }),
    ...(tuning.threadPoolSize === undefined ? {} : { UV_THREADPOOL_SIZE: String(tuning.threadPoolSize) }),
    ...(tuning.mallocArenas === undefined ? {} : { MALLOC_ARENA_MAX: String(tuning.mallocArenas) }),
    ...proxyVariables(proxies),
  };
  for (const [name, value] of Object.entries(environment)) refuseSecret(context, ['environment', name], name, value);
  const npm = Object.fromEntries(Object.entries(config.npm).map(([name, value]) => [name, String(value)]));
  for (const [name, value] of Object.entries(npm)) refuseSecret(context, ['npm', name], name, value);
  for (const [name, value] of Object.entries(config.labels)) refuseSecret(context, ['labels', name], name, value);
  const files: OverlayFile[] = [];
  for (const [at, file] of config.files.entries()) {
    const where = ['files', at, 'from'];
    const bytes = await readRecipeFile(context, where, file.from);
    const secret = findSecret(bytes.toString('latin1'));
    if (secret)
      throw invalid(`${context.locate(where)}: line ${secret.line} of ${file.from} holds ${secret.what}`, secretHint);
    const [uid, gid] = file.owner.split(':').map(Number);
    files.push({ path: file.to.slice(1), bytes, mode: Number.parseInt(file.mode, 8), uid: uid ?? 0, gid: gid ?? 0 });
  }
  const certificates: OverlayCertificate[] = [];
  for (const [at, file] of config.certificates.entries())
    certificates.push(...(await readCertificates(context, ['certificates', at], file)));
  const users = config.users.map(({ name, uid, gid, home }) => ({
    name,
    uid,
    gid: gid ?? uid,
    home: home ?? '/nonexistent',
  }));
  const parts = {
    environment,
    nodeOptions: config.nodeOptions,
    npm,
    certificates,
    timeZone: config.timeZone,
    user: config.user,
    users,
    labels: config.labels,
    packages: config.packages,
    heapPercentage: tuning.heapPercentage,
    semiSpaceMb: tuning.semiSpaceMb,
  };
  const described = { ...parts, files: files.map(({ bytes, ...file }) => ({ ...file, digest: digestOf(bytes) })) };
  return { name: config.name, digest: digestOf(canonicalJson(described)), cells: config.cells, ...parts, files };
}

/** Both spellings: programs disagree about them. Node.js reads them since it knows NODE_USE_ENV_PROXY. */
function proxyVariables({ http, https, no }: OverlayConfig['proxies']): Record<string, string> {
  const pairs: [string, string | undefined][] = [
    ['HTTP_PROXY', http],
    ['HTTPS_PROXY', https],
    ['NO_PROXY', no],
  ];
  const set = pairs.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
  if (set.length === 0) return {};
  return Object.fromEntries([
    ...set.flatMap(([name, value]) => [
      [name, value],
      [name.toLowerCase(), value],
    ]),
    ['NODE_USE_ENV_PROXY', '1'],
  ]) as Record<string, string>;
}

function refuseSecret(context: OverlayContext, path: readonly PropertyKey[], name: string, value: string): void {
  const what = namesSecret(name, value) ? 'a secret, by its name' : findSecret(`${name}=${value}`)?.what;
  if (what === undefined) return;
  throw invalid(`${context.locate(path)}: ${path.join('.')} holds ${what}`, secretHint);
}

const secretHint =
  'whoever pulls the image could read it; give secrets to the container when it starts, or to the build as a secret mount';

async function readCertificates(
  context: OverlayContext,
  where: readonly PropertyKey[],
  file: string,
): Promise<OverlayCertificate[]> {
  const text = (await readRecipeFile(context, where, file)).toString('latin1');
  const place = context.locate(where);
  if (findSecret(text)) throw invalid(`${place}: ${file} holds a private key`, secretHint);
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0)
    throw invalid(
      `${place}: ${file} holds no certificate`,
      'name a PEM file that begins with -----BEGIN CERTIFICATE-----',
    );
  const stem = basename(file)
    .replace(/\.[^.]*$/, '')
    .replaceAll(/[^A-Za-z0-9._-]/g, '_');
  return blocks.map((block, at) => {
    const certificate = parseCertificate(block, place, file);
    if (!certificate.ca)
      throw invalid(
        `${place}: ${file} holds ${certificate.subject.replaceAll('\n', ', ')}, which is no certificate authority`,
        'name the authority that signed it',
      );
    if (Date.parse(certificate.validTo) < context.now.getTime())
      throw invalid(
        `${place}: the authority ${certificate.subject.replaceAll('\n', ', ')} in ${file} ended on ${certificate.validTo}`,
        'ask for a current one',
      );
    return { name: blocks.length === 1 ? stem : `${stem}-${at + 1}`, pem: `${block.replaceAll('\r', '')}\n` };
  });
}

function parseCertificate(pem: string, place: string, file: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw invalid(`${place}: ${file} holds something that is no certificate`, 'export it again, as PEM', error);
  }
}

async function readRecipeFile(context: OverlayContext, where: readonly PropertyKey[], file: string): Promise<Buffer> {
  try {
    const bytes = await readFile(resolve(context.folder, file));
    if (bytes.length > maxFileBytes)
      throw invalid(
        `${context.locate(where)}: ${file} is larger than ${maxFileBytes} bytes`,
        'put large files into a layer of the application',
      );
    return bytes;
  } catch (error) {
    if (error instanceof Failure) throw error;
    const code = systemCode(error);
    throw invalid(
      `${context.locate(where)}: ${file} cannot be read: ${code ?? String(error)}`,
      'paths start at the folder of the recipe',
      error,
    );
  }
}

function invalid(message: string, hint: string, cause?: unknown): Failure {
  return new Failure('RECIPE_INVALID', message, { hint, cause });
}
