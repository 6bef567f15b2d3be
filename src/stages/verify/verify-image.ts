import semver from 'semver';
import { mapConcurrent } from '../../core/concurrency.ts';
import type { Digest } from '../../core/digest.ts';
import { believedEvidence } from '../../evidence/believed-evidence.ts';
import { EndOfLifeSchema, WaiversSchema, type Certificate } from '../../formats/attestation/predicate-shapes.ts';
import { isIndexType } from '../../formats/oci/media-types.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { stands, waivedName } from '../../gates/waivers.ts';
import { missing, readPredicate, statementsOf, type EvidenceOf } from '../../gates/gate.ts';
import { revocationGate } from '../../gates/members/revocation.ts';
import { readIndex } from '../../store/manifest.ts';
import type { Store } from '../../store/store.ts';
import type { TrustPolicy } from '../../trust/trust-policy.ts';
import { checkBytes } from './check-bytes.ts';
import { bestCertificate, certificatesFor } from '../certify/find-certificate.ts';
import { lineName, lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import type { AskedEnvironment } from '../gate/custom-gates.ts';

export interface Check {
  readonly id: string;
  readonly ok: boolean;
  readonly reason: string;
  /** What to do when it is not. */
  readonly fix?: string;
}

export interface Verification {
  readonly verified: boolean;
  readonly digest: Digest;
  readonly checks: readonly Check[];
  readonly certificate: Certificate | undefined;
}

export interface VerifyOptions {
  readonly trust: TrustPolicy;
  readonly now: Date;
  /** Read every layer, and not only what is said of it. */
  readonly deep?: boolean;
  readonly environment: AskedEnvironment;
}

/**
 * Whether an image is certified, from nothing but what is attached to it and who is believed: no network but the
 * registry's, none at all for a layout. Each question is answered, so that one look shows all that is wrong.
 */
export async function verifyImage(store: Store, image: Descriptor, options: VerifyOptions): Promise<Verification> {
  const { trust, now } = options;
  const read = (digest: Digest): Promise<EvidenceOf> => believedEvidence(store, digest, { trust, now });
  const isIndex = isIndexType(image.mediaType);
  const own = await read(image.digest);
  const certificate = bestCertificate(own, options.environment.name);
  const checks: Check[] = [
    signatureCheck(isIndex ? 'index' : 'platform', own),
    certificateCheck(own, certificate, options),
  ];
  const index = isIndex ? image.digest : certificate?.nodeworthy_index;
  const platforms = isIndex
    ? (await readIndex(store, image.digest)).manifests.map((entry) => ({
        platform: `${entry.platform?.os}/${entry.platform?.architecture}`,
        digest: entry.digest,
      }))
    : [{ platform: 'platform', digest: image.digest }];
  const named = platforms.map(({ platform, digest }) => ({ platform: isIndex ? platform : undefined, digest }));
  // Evidence is read at the same time.
  const bytes = checkBytes(store, named, { deep: options.deep ?? false });
  bytes.catch(() => {});
  const evidence = new Map<Digest, EvidenceOf>([[image.digest, own]]);
  const others = [...platforms.map(({ digest }) => digest), ...(index ? [index] : [])];
  const wanted = [...others, ...(certificate?.nodeworthy_inputs ?? []).map(({ subject }) => subject)];
  await mapConcurrent(
    [...new Set(wanted)].filter((digest) => !evidence.has(digest)),
    4,
    async (digest) => {
      evidence.set(digest, await read(digest));
    },
  );
  const all = [...evidence.values()];
  if (isIndex)
    checks.push(...platforms.map((target) => platformCheck(target, evidence.get(target.digest), { image, options })));
  const whole = await bytes;
  checks.push(whole);
  checks.push(subjectCheck(image.digest, platforms, certificate, isIndex));
  checks.push(inputsCheck(certificate, evidence));
  checks.push(revocationCheck(all));
  checks.push(lineCheck(all, certificate, now), waiversCheck(certificate, now));
  const { policy } = options.environment;
  if (policy)
    checks.push(
      whole.ok
        ? await policyCheck(store, { index, evidence, certificate, policy, options })
        : {
            id: `policy ${options.environment.name}`,
            ok: false,
            reason: 'an image that is not whole is held to no policy',
          },
    );
  return { verified: checks.every(({ ok }) => ok), digest: image.digest, checks, certificate };
}

function signatureCheck(what: string, evidence: EvidenceOf): Check {
  const [signature] = statementsOf(evidence, 'signature');
  return signature
    ? { id: 'signature', ok: true, reason: `${what} signed by ${signature.signer.name}` }
    : {
        id: 'signature',
        ok: false,
        reason: missing(`signature of the ${what} by a trusted key`, 'signature', evidence),
        fix: 'is this the right key? Somebody who pushes without signing is found out here',
      };
}

function certificateCheck(
  evidence: EvidenceOf,
  certificate: Certificate | undefined,
  { now, environment }: VerifyOptions,
): Check {
  const id = 'certificate';
  const name = `certificate for ${environment.name}`;
  if (!certificate) {
    const others = new Set(certificatesFor(evidence, undefined).map((other) => other.nodeworthy_environment));
    const failed = evidence.statements.some(({ kind, isFailure }) => kind === 'certificate' && isFailure);
    return {
      id,
      ok: false,
      reason: [
        missing(name, 'certificate', evidence),
        ...(others.size > 0 ? [`it is certified for ${[...others].join(', ')}`] : []),
        ...(failed ? ['a verification that failed is no certificate'] : []),
      ].join('; '),
      fix: 'publish it with `nodeworthy run`: certificates come from gates that are open',
    };
  }
  if (Date.parse(certificate.nodeworthy_validUntil) <= now.getTime())
    return {
      id,
      ok: false,
      reason: `the ${name} was valid until ${certificate.nodeworthy_validUntil}`,
      fix: 'rebuild, and certify again with `nodeworthy run`',
    };
  return { id, ok: true, reason: `${name} valid until ${certificate.nodeworthy_validUntil}` };
}

function platformCheck(
  { platform, digest }: { readonly platform: string; readonly digest: Digest },
  evidence: EvidenceOf | undefined,
  { image, options }: { readonly image: Descriptor; readonly options: VerifyOptions },
): Check {
  const id = `platform ${platform}`;
  const fix = 'publish the whole index again with `nodeworthy run`';
  if (!evidence) return { id, ok: false, reason: `${digest} could not be looked at`, fix };
  const signature = signatureCheck(platform, evidence);
  if (!signature.ok) return { ...signature, id };
  // A platform may be a part of several indexes: what counts is its certificate as a part of this one.
  const certificates = certificatesFor(evidence, options.environment.name);
  const own = certificates.find((found) => found.nodeworthy_index === image.digest) ?? certificates[0];
  if (!own) return { id, ok: false, reason: missing('certificate', 'certificate', evidence), fix };
  return own.nodeworthy_index === image.digest
    ? { id, ok: true, reason: `${digest} is signed and certified` }
    : { id, ok: false, reason: `${digest} was certified as a part of ${own.nodeworthy_index}`, fix };
}

/** What was certified is what is here: the same platforms, no more and no fewer. */
function subjectCheck(
  digest: Digest,
  platforms: readonly { readonly platform: string; readonly digest: Digest }[],
  certificate: Certificate | undefined,
  isIndex: boolean,
): Check {
  const id = 'subject';
  const fix = 'somebody changed the image after it was certified: take the certified digest';
  if (!certificate) return { id, ok: false, reason: 'without a certificate nobody says what belongs to it', fix };
  const certified = new Map(certificate.nodeworthy_platforms.map((item) => [item.platform, item.digest]));
  if (!isIndex)
    return [...certified.values()].includes(digest)
      ? { id, ok: true, reason: `a platform of ${certificate.nodeworthy_index}` }
      : { id, ok: false, reason: `${digest} is no platform of what was certified`, fix };
  if (certificate.nodeworthy_index !== digest)
    return { id, ok: false, reason: `the certificate is about ${certificate.nodeworthy_index}`, fix };
  const wrong = platforms.filter((item) => certified.get(item.platform) !== item.digest);
  if (wrong.length > 0 || platforms.length !== certified.size)
    return {
      id,
      ok: false,
      reason: `the index has ${platforms.length} platforms, ${certified.size} were certified`,
      fix,
    };
  return { id, ok: true, reason: `${platforms.length} platforms, all as certified` };
}

/** Evidence that a certificate rests on must still be there: who takes it away takes the certificate with it. */
function inputsCheck(certificate: Certificate | undefined, evidence: ReadonlyMap<Digest, EvidenceOf>): Check {
  const id = 'evidence';
  const fix = 'bring it back with `nodeworthy run`, which sends what a registry lacks, or ask who deleted it';
  if (!certificate) return { id, ok: false, reason: 'without a certificate nobody says what was looked at', fix };
  const gone = certificate.nodeworthy_inputs.filter(
    ({ subject, bundle }) => !evidence.get(subject)?.statements.some((statement) => statement.bundleDigest === bundle),
  );
  if (gone.length > 0) {
    const names = gone.slice(0, 4).map(({ kind, subject }) => `${kind} of ${subject}`);
    return {
      id,
      ok: false,
      reason: `${gone.length} statements are gone or no longer believed: ${names.join(', ')}`,
      fix,
    };
  }
  const kinds = new Set(certificate.nodeworthy_inputs.map(({ kind }) => kind));
  const lacking = (['tests', 'provenance', 'sbom-cyclonedx', 'sbom-spdx', 'configuration'] as const).filter(
    (kind) => !kinds.has(kind),
  );
  if (lacking.length > 0) return { id, ok: false, reason: `the certificate rests on no ${lacking.join(', ')}`, fix };
  return {
    id,
    ok: true,
    reason: `${certificate.nodeworthy_inputs.length} statements are there, unchanged and believed`,
  };
}

function revocationCheck(all: readonly EvidenceOf[]): Check {
  const [first, ...rest] = all;
  if (!first) return { id: 'revocation', ok: false, reason: 'nothing could be looked at' };
  const asked = {
    evidence: first,
    platforms: rest.map((evidence) => ({ platform: '', digest: evidence.subject, sizeBytes: 0, suites: [], evidence })),
  } as unknown as Parameters<typeof revocationGate.evaluate>[0];
  const answers = revocationGate.evaluate(asked, {});
  const denied = answers.find(({ result }) => result !== 'allow');
  return denied
    ? { id: 'revocation', ok: false, reason: denied.reason, ...(denied.fix === undefined ? {} : { fix: denied.fix }) }
    : { id: 'revocation', ok: true, reason: 'nothing was taken back' };
}

/** A line that has ended is over, unless the certificate names who takes responsibility, and until when. */
function lineCheck(all: readonly EvidenceOf[], certificate: Certificate | undefined, now: Date): Check {
  const id = 'support';
  const release = releaseOf(all);
  if (release === undefined || !semver.valid(release))
    return { id, ok: true, reason: 'no Node.js release line to look at' };
  const line = lineOfRelease(release);
  const name = line && lineName(line);
  const waiver = WaiversSchema.safeParse(certificate?.['nodeworthy_waivers'] ?? []).data?.find(
    (item) => name !== undefined && item.line === name && stands(item, now),
  );
  if (waiver)
    return {
      id,
      ok: true,
      reason: `LEGACY: Node.js ${name} ended on ${line?.end}; ${waiver.by} takes responsibility until ${waiver.until}`,
    };
  if (!line || phaseOf(line, now) === 'end-of-life')
    return {
      id,
      ok: false,
      reason: `Node.js ${name ?? release} came to its end${line ? ` on ${line.end}` : ''}`,
      fix: 'move to a maintained line',
    };
  const ended = all
    .flatMap((evidence) => statementsOf(evidence, 'end-of-life'))
    .flatMap((statement) => readPredicate(statement, EndOfLifeSchema) ?? [])
    .find(({ endOfLife }) => endOfLife <= now.toISOString().slice(0, 10));
  if (ended)
    return {
      id,
      ok: false,
      reason: `its makers ended it on ${ended.endOfLife}`,
      fix: ended.successor === undefined ? 'move to a newer image' : `use ${ended.successor}`,
    };
  return { id, ok: true, reason: `Node.js ${lineName(line)} is ${phaseOf(line, now)} until ${line.end}` };
}

/** What somebody took responsibility for until a day is nobody's after it. */
function waiversCheck(certificate: Certificate | undefined, now: Date): Check {
  const id = 'waivers';
  const today = now.toISOString().slice(0, 10);
  const waivers = WaiversSchema.safeParse(certificate?.['nodeworthy_waivers'] ?? []).data;
  if (!waivers) return { id, ok: false, reason: 'its waivers cannot be read', fix: 'certify it again' };
  const lapsed = waivers.find(({ until }) => until < today);
  if (!lapsed) return { id, ok: true, reason: `${waivers.length} waivers, none of them lapsed` };
  return {
    id,
    ok: false,
    reason: `the waiver of ${waivedName(lapsed)} lapsed on ${lapsed.until}`,
    fix: 'repair it, or renew the waiver, and certify again',
  };
}

function releaseOf(all: readonly EvidenceOf[]): string | undefined {
  for (const evidence of all)
    for (const { predicate } of statementsOf(evidence, 'sbom-cyclonedx')) {
      const components = predicate['components'];
      if (!Array.isArray(components)) continue;
      const node = (components as { name?: unknown; type?: unknown; version?: unknown }[]).find(
        ({ name, type }) => name === 'node' && type === 'application',
      );
      if (typeof node?.version === 'string') return node.version;
    }
  return undefined;
}

interface PolicyQuestion {
  readonly index: Digest | undefined;
  readonly evidence: ReadonlyMap<Digest, EvidenceOf>;
  readonly certificate: Certificate | undefined;
  readonly policy: NonNullable<AskedEnvironment['policy']>;
  readonly options: VerifyOptions;
}

/** The gates again, with the rules and the clock of today. */
async function policyCheck(
  store: Store,
  { index, evidence, certificate, policy, options }: PolicyQuestion,
): Promise<Check> {
  const { name } = options.environment;
  const id = `policy ${name}`;
  if (!certificate || index === undefined)
    return { id, ok: false, reason: 'without a certificate there is nothing to hold to a policy' };
  // Loaded when there is a policy: most who verify have a key and nothing else.
  const [{ decide }, { inputFromImage }] = await Promise.all([
    import('../../gates/decide.ts'),
    import('./input-from-image.ts'),
  ]);
  const input = await inputFromImage(store, { index, evidence, certificate, now: options.now, name, ...policy });
  // A day without releases keeps nobody from running what was released before.
  const { schedule: _, ...gates } = policy.config.gates;
  const decision = decide(input, gates, policy.custom);
  const open = decision.verdicts.filter(({ result }) => result === 'deny' || result === 'wait');
  return decision.result === 'allowed'
    ? { id, ok: true, reason: `${decision.verdicts.length} verdicts, all open today` }
    : {
        id,
        ok: false,
        reason: open.map(({ gate, reason }) => `${gate}: ${reason}`).join('\n'),
        ...(open[0]?.fix === undefined ? {} : { fix: open[0].fix }),
      };
}
