import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { digestOf, type Digest } from '../core/digest.ts';
import { bundleBytes, bundleOfKey, keyHint, type Bundle } from '../formats/attestation/bundle.ts';
import { preAuthEncoding, statementPayloadType } from '../formats/attestation/dsse.ts';
import type { PredicateKind } from '../formats/attestation/predicates.ts';
import { statementBytes } from '../formats/attestation/statement.ts';
import { judgeBundle } from './judge-bundle.ts';
import type { TrustedSigner, TrustPolicy } from './trust-policy.ts';

const now = new Date('2026-11-21T12:00:00Z');
const subject = digestOf('image');
const release = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });

function policy(entry: Partial<TrustedSigner> = {}): TrustPolicy {
  const identity = { kind: 'key', key: release.publicKey, hint: keyHint(release.publicKey) } as const;
  return {
    signers: [{ name: 'release', identity, states: ['evidence'], roles: [], ...entry }],
    digest: digestOf('policy'),
  };
}

function bundle(
  predicate: object,
  {
    kind = 'signature',
    about = subject,
    key = release.privateKey,
    change = (bytes: Buffer) => bytes,
  }: { kind?: PredicateKind; about?: Digest; key?: KeyObject; change?: (bytes: Buffer) => Buffer } = {},
): Bundle {
  const payload = change(statementBytes({ kind, name: 'acme', subject: about, predicate }));
  return bundleOfKey(payload, sign('sha256', preAuthEncoding(statementPayloadType, payload), key), keyHint(key));
}

async function judge(made: Bundle | object, trust: TrustPolicy = policy()): Promise<string> {
  const judged = await judgeBundle(bundleBytes(made as Bundle), { subject, trust, now });
  return judged.believed ? 'believed' : judged.problem;
}

describe('a bundle', () => {
  it('is believed when all is as it should be', async () => {
    expect(await judge(bundle({}))).toBe('believed');
  });

  it('is not believed about another digest', async () => {
    expect(await judge(bundle({}, { about: digestOf('another image') }))).toContain('not about');
  });

  it('is not believed from an unknown key', async () => {
    expect(await judge(bundle({}, { key: stranger.privateKey }))).toContain('which nobody trusts');
  });

  it('is not believed from a key that may not say this', async () => {
    expect(await judge(bundle({}, { kind: 'approval' }))).toBe('the key release is not trusted to state approval');
    expect(await judge(bundle({}), policy({ states: ['provenance'] }))).toContain('not trusted to state signature');
  });

  it('is not believed from a builder that the key is not for', async () => {
    const provenance = { runDetails: { builder: { id: 'https://builder.example' } } };
    const trust = policy({ builders: ['https://other.example'] });
    expect(await judge(bundle(provenance, { kind: 'provenance' }), trust)).toContain(
      'not trusted for the builder https://builder.example',
    );
    expect(
      await judge(bundle(provenance, { kind: 'provenance' }), policy({ builders: ['https://builder.example'] })),
    ).toBe('believed');
    expect(await judge(bundle({}, { kind: 'provenance' }), trust)).toContain('builder without a name');
  });

  it('is not believed before and after the key is in use', async () => {
    expect(await judge(bundle({}), policy({ from: '2026-12-01' }))).toContain('in use from 2026-12-01');
    expect(await judge(bundle({}), policy({ until: '2026-11-21' }))).toContain('out of use since 2026-11-21');
    expect(await judge(bundle({}), policy({ from: '2026-11-21', until: '2026-11-22' }))).toBe('believed');
  });

  it('that takes something back is believed from a key that is out of use: a revocation is for ever', async () => {
    const record = bundle({ action: 'revoked' }, { kind: 'revocation' });
    expect(await judge(record, policy({ states: ['revocations'], until: '2026-01-01' }))).toBe('believed');
    expect(await judge(record, policy({ states: ['evidence'], until: '2026-01-01' }))).toContain(
      'not trusted to state',
    );
  });

  it('that says a failure stays believed too: what passed before does not count again', async () => {
    const failed = (kind: PredicateKind, predicate: object): Promise<string> =>
      judge(bundle(predicate, { kind }), policy({ states: ['failures'], until: '2026-01-01' }));
    expect(await failed('tests', { result: 'FAILED' })).toBe('believed');
    expect(await failed('reproduction', { result: 'FAILED' })).toBe('believed');
    expect(await failed('tests', { result: 'PASSED' })).toContain('out of use');
  });

  it('that frees something is not: what a key let out after it leaked does not count', async () => {
    const released = bundle({ action: 'released', on: '2026-11-01T00:00:00Z' }, { kind: 'revocation' });
    expect(await judge(released, policy({ states: ['revocations'] }))).toBe('believed');
    expect(await judge(released, policy({ states: ['revocations'], until: '2026-11-20' }))).toContain('out of use');
  });

  it.each([
    ['certificate', { timeVerified: '2099-01-01T00:00:00Z', verificationResult: 'PASSED' }],
    ['approval', { decision: 'approved', decidedOn: '2026-11-21T12:05:01Z' }],
    ['scan', { metadata: { scanFinishedOn: '2026-11-22T00:00:00Z' } }],
    ['reproduction', { result: 'PASSED', rebuiltOn: '2027-01-01T00:00:00Z' }],
    ['tests', { result: 'PASSED', nodeworthy_finishedOn: '2026-12-01T00:00:00Z' }],
    ['revocation', { action: 'released', on: '2026-11-21T12:06:00Z' }],
  ] as const)('of kind %s is not believed before its time', async (kind, predicate) => {
    const states = ['evidence', 'certificates', 'approvals', 'revocations'] as const;
    expect(await judge(bundle(predicate, { kind }), policy({ states }))).toMatch(/which has not come yet/);
  });

  it.each([
    ['a clock that is a little ahead', 'approval', { decision: 'approved', decidedOn: '2026-11-21T12:04:59Z' }],
    ['what stops an image', 'revocation', { action: 'revoked', on: '2099-01-01T00:00:00Z' }],
    ['what stops it for now', 'revocation', { action: 'quarantined', on: '2099-01-01T00:00:00Z' }],
    ['a refusal', 'approval', { decision: 'rejected', decidedOn: '2099-01-01T00:00:00Z' }],
  ] as const)('of %s is believed', async (_, kind, predicate) => {
    const states = ['approvals', 'revocations'] as const;
    expect(await judge(bundle(predicate, { kind }), policy({ states }))).toBe('believed');
  });

  it('is not believed with a name that is there twice, which another reader would read otherwise', async () => {
    const change = (bytes: Buffer) =>
      Buffer.from(bytes.toString().replace('"predicate":{', '"predicate":{"result":"FAILED","result":"PASSED",'));
    expect(await judge(bundle({}, { kind: 'tests', change }))).toContain('no in-toto statement');
    const made = bundleBytes(bundle({})).toString();
    const twice = made.replace('"dsseEnvelope":', '"dsseEnvelope":{},"dsseEnvelope":');
    expect(await judgeBundle(Buffer.from(twice), { subject, trust: policy(), now })).toMatchObject({ believed: false });
  });

  it('is not believed with a payload that was changed after it was signed', async () => {
    const made = bundle({});
    const payload = Buffer.from(made.dsseEnvelope.payload, 'base64').toString().replace('acme', 'evil');
    const tampered = {
      ...made,
      dsseEnvelope: { ...made.dsseEnvelope, payload: Buffer.from(payload).toString('base64') },
    };
    expect(await judge(tampered)).toBe('its signature is not that of the key release');
  });

  it('is not believed with another payload type, whatever signed it', async () => {
    const made = bundle({});
    expect(await judge({ ...made, dsseEnvelope: { ...made.dsseEnvelope, payloadType: 'application/json' } })).toContain(
      'payloadType',
    );
  });

  it('is not believed with a key id that is not the hint', async () => {
    const made = bundle({});
    const [signature] = made.dsseEnvelope.signatures;
    const signatures = [{ ...signature, keyid: keyHint(stranger.publicKey) }];
    expect(await judge({ ...made, dsseEnvelope: { ...made.dsseEnvelope, signatures } })).toContain(
      'its signature names the key',
    );
    // The other way round: the hint of a trusted key on a stranger's signature.
    const foreign = bundle({}, { key: stranger.privateKey });
    const hint = keyHint(release.publicKey);
    const disguised = {
      ...foreign,
      verificationMaterial: { publicKey: { hint } },
      dsseEnvelope: { ...foreign.dsseEnvelope, signatures: [{ ...foreign.dsseEnvelope.signatures[0], keyid: hint }] },
    };
    expect(await judge(disguised)).toBe('its signature is not that of the key release');
  });

  it('is not believed with two signatures, even of trusted keys', async () => {
    const made = bundle({});
    const [signature] = made.dsseEnvelope.signatures;
    expect(
      await judge({ ...made, dsseEnvelope: { ...made.dsseEnvelope, signatures: [signature, signature] } }),
    ).toContain('exactly one signature');
  });

  it('is not believed with a field in its statement that the specification does not know', async () => {
    const change = (bytes: Buffer) =>
      Buffer.from(JSON.stringify({ ...(JSON.parse(bytes.toString()) as object), note: 'trust me' }));
    expect(await judge(bundle({}, { change }))).toContain('no in-toto statement');
  });

  it('is not believed with a predicate that nobody knows', async () => {
    const change = (bytes: Buffer) => Buffer.from(bytes.toString().replace('cosign/sign/v1', 'cosign/sign/v9'));
    expect(await judge(bundle({}, { change }))).toContain('is unknown');
  });

  it('with a bad result needs a key for failures, and a key for failures proves nothing good', async () => {
    const failed = { result: 'FAILED' };
    expect(await judge(bundle(failed, { kind: 'tests' }))).toBe(
      'the key release is not trusted to state a failure of tests',
    );
    expect(await judge(bundle(failed, { kind: 'tests' }), policy({ states: ['failures'] }))).toBe('believed');
    expect(await judge(bundle({ result: 'PASSED' }, { kind: 'tests' }), policy({ states: ['failures'] }))).toContain(
      'not trusted to state tests',
    );
    expect(
      await judge(
        bundle({ verificationResult: 'FAILED' }, { kind: 'certificate' }),
        policy({ states: ['certificates'] }),
      ),
    ).toContain('a failure of certificate');
  });

  it.each([
    ['nothing', ''],
    ['half a document', '{"mediaType"'],
    ['another document', '{}'],
  ])('is not believed when it is %s', async (_, text) => {
    const judged = await judgeBundle(Buffer.from(text), { subject, trust: policy(), now });
    expect(judged).toMatchObject({ believed: false });
  });

  it('with a certificate is not believed where nobody trusts certificates', async () => {
    const { dsseEnvelope } = bundle({});
    const made = {
      mediaType: bundle({}).mediaType,
      verificationMaterial: { certificate: { rawBytes: 'MIIB' } },
      dsseEnvelope,
    };
    expect(await judge(made)).toContain('no certificate is trusted');
  });
});
