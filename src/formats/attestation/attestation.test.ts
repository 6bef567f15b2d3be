import { createHash, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BundleSchema, keyHint } from './bundle.ts';
import { preAuthEncoding } from './dsse.ts';
import { kindOfType, predicateKinds, predicateTypes } from './predicates.ts';
import { StatementSchema, statementBytes } from './statement.ts';

describe('DSSE', () => {
  it('encodes what is signed as the protocol’s own example does', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    expect(encoded.toString()).toBe('DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('counts bytes, not characters', () => {
    expect(preAuthEncoding('t', Buffer.from('é')).toString()).toBe('DSSEv1 1 t 2 é');
  });
});

describe('a statement', () => {
  const input = { kind: 'signature', name: 'acme', subject: `sha256:${'a'.repeat(64)}`, predicate: {} } as const;

  it('is canonical: equal statements are equal bytes', () => {
    const one = statementBytes({ ...input, predicate: { b: 1, a: 2 } });
    expect(one).toEqual(statementBytes({ ...input, predicate: { a: 2, b: 1 } }));
    expect(StatementSchema.safeParse(JSON.parse(one.toString())).success).toBe(true);
  });

  it('has no field that the specification does not know', () => {
    const value = JSON.parse(statementBytes(input).toString()) as object;
    expect(StatementSchema.safeParse({ ...value, extra: 1 }).success).toBe(false);
  });

  it('has a type of its own for each kind', () => {
    expect(new Set(Object.values(predicateTypes)).size).toBe(predicateKinds.length);
    for (const kind of predicateKinds) expect(kindOfType(predicateTypes[kind])).toBe(kind);
  });
});

describe('a bundle', () => {
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: { publicKey: { hint: 'x' } },
    dsseEnvelope: {
      payload: 'e30=',
      payloadType: 'application/vnd.in-toto+json',
      signatures: [{ sig: 'MEUC', keyid: 'x' }],
    },
  };

  it.each([
    ['two signatures', { ...bundle.dsseEnvelope, signatures: [{ sig: 'MEUC' }, { sig: 'MEUC' }] }],
    ['no signature', { ...bundle.dsseEnvelope, signatures: [] }],
    ['another payload type', { ...bundle.dsseEnvelope, payloadType: 'application/json' }],
    ['a field that nobody knows', { ...bundle.dsseEnvelope, more: 1 }],
    ['a payload that is not base64', { ...bundle.dsseEnvelope, payload: '{}' }],
  ])('is refused with %s', (_, dsseEnvelope) => {
    expect(BundleSchema.safeParse(bundle).success).toBe(true);
    expect(BundleSchema.safeParse({ ...bundle, dsseEnvelope }).success).toBe(false);
  });

  it('names a key by the digest of its SubjectPublicKeyInfo', () => {
    const pem =
      '-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9g+boWckjQ2LIEmUnoDnH6jl+1eE\ncWky6A7wbFNKnZI1TJpLlfTYzRqi+9b1HdNS04FpjpEdwalctLZaqkWwOg==\n-----END PUBLIC KEY-----\n';
    const der = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
    expect(keyHint(createPublicKey(pem))).toBe(createHash('sha256').update(der).digest('base64'));
  });
});
