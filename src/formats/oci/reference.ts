import { isDigest, type Digest } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';

export interface RepositoryReference {
  /** Host, with port when there is one. */
  readonly registry: string;
  readonly repository: string;
}

const hostPattern =
  /^(?:localhost|(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const namePattern = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;

/**
 * Reads `HOST[:PORT]/NAME`. The host must be spelled out: a default registry would be a host name in our code.
 * @throws Failure USAGE
 */
export function parseRepository(text: string): RepositoryReference {
  const slash = text.indexOf('/');
  const registry = text.slice(0, Math.max(slash, 0));
  const repository = text.slice(slash + 1);
  const looksLikeHost = /[.:]/.test(registry) || registry === 'localhost';
  if (slash <= 0 || !looksLikeHost || !hostPattern.test(registry)) {
    throw new Failure('USAGE', `${JSON.stringify(text)} does not start with the host of a registry`, {
      hint: 'write it in full, like registry.example.com/team/node or localhost:5000/acme/node',
    });
  }
  if (!namePattern.test(repository)) {
    const tagged = /[:@]/.test(repository);
    throw new Failure('USAGE', `${JSON.stringify(repository)} is no repository name`, {
      hint: tagged
        ? 'leave out the tag: the tags come from the plan'
        : 'use lower-case letters, digits, and single . _ - / between them',
    });
  }
  return { registry, repository };
}

export interface ImageReference {
  /** `HOST[:PORT]/NAME` */
  readonly repository: string;
  readonly tag: string;
  readonly digest?: Digest;
}

/**
 * Reads `HOST[:PORT]/NAME[:TAG][@DIGEST]`; without either, the tag is `latest`.
 * @throws Failure USAGE
 */
export function parseImageReference(text: string): ImageReference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    throw new Failure('USAGE', `${JSON.stringify(text)}: what follows @ is no sha256 digest`);
  const rest = at < 0 ? text : text.slice(0, at);
  const colon = rest.lastIndexOf(':');
  const hasTag = colon > rest.lastIndexOf('/');
  const repository = hasTag ? rest.slice(0, colon) : rest;
  const tag = hasTag ? rest.slice(colon + 1) : 'latest';
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(tag))
    throw new Failure('USAGE', `${JSON.stringify(tag)} is no tag`, { hint: 'letters, digits and . _ -, at most 128' });
  parseRepository(repository);
  return { repository, tag, ...(digest === undefined ? {} : { digest }) };
}

/** Loopback registries may speak plain HTTP; all others only when the recipe says so. */
export function isLoopback(registry: string): boolean {
  const host = registry.replace(/:\d+$/, '');
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
