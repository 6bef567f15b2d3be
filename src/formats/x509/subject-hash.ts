import { createHash } from 'node:crypto';
import { Failure } from '../../core/errors.ts';
import { tagged } from './create-certificate.ts';

interface DerValue {
  readonly tag: number;
  readonly bytes: Buffer;
  /** Tag, length and value together. */
  readonly whole: Buffer;
}

/**
 * The eight hex digits under which OpenSSL looks a certificate up in a hashed folder (`X509_NAME_hash`): SHA-1 over
 * the subject in canonical encoding (text to lower-case UTF-8 with single blanks, without the outer SEQUENCE), first
 * four bytes, little-endian.
 * @param der one certificate, DER (RFC 5280, 4.1)
 */
export function subjectHash(der: Buffer): string {
  const subject = readSubject(der);
  const canonical = Buffer.concat(children(subject.bytes).map(canonicalSet));
  return createHash('sha1').update(canonical).digest().readUInt32LE(0).toString(16).padStart(8, '0');
}

/** The DER bytes of the first certificate in a PEM text, or undefined when there is none. */
export function pemToDer(pem: string): Buffer | undefined {
  const match = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----([A-Za-z0-9+/=\s]+?)-----END/.exec(pem);
  return match?.[1] === undefined ? undefined : Buffer.from(match[1].replaceAll(/\s/g, ''), 'base64');
}

/** Certificate → TBSCertificate → [version] serial signature issuer validity subject. */
function readSubject(der: Buffer): DerValue {
  const [certificate] = children(der);
  const [toBeSigned] = children(certificate?.bytes ?? Buffer.alloc(0));
  const fields = children(toBeSigned?.bytes ?? Buffer.alloc(0));
  const subject = fields[fields[0]?.tag === 0xa0 ? 5 : 4];
  if (subject?.tag !== 0x30) throw new Failure('SOURCE_INVALID', 'a certificate authority is no X.509 certificate');
  return subject;
}

function children(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    let length = bytes[at + 1] ?? 0;
    let start = at + 2;
    if (length & 0x80) {
      const count = length & 0x7f;
      length = bytes.readUIntBE(start, count);
      start += count;
    }
    values.push({
      tag: bytes[at] ?? 0,
      bytes: bytes.subarray(start, start + length),
      whole: bytes.subarray(at, start + length),
    });
    at = start + length;
  }
  return values;
}

/** A relative distinguished name: SET of SEQUENCE { type, value }; members of a SET are ordered by their encoding. */
function canonicalSet(set: DerValue): Buffer {
  const members = children(set.bytes).map((attribute) => {
    const [type, value] = children(attribute.bytes);
    if (!type || !value) throw new Failure('SOURCE_INVALID', 'a certificate authority has a malformed subject');
    return tagged(0x30, Buffer.concat([type.whole, canonicalValue(value)]));
  });
  return tagged(0x31, Buffer.concat(members.sort(Buffer.compare)));
}

function canonicalValue(value: DerValue): Buffer {
  const text = decodeText(value);
  if (text === undefined) return value.whole;
  const folded = text
    .replaceAll(/[\t\n\v\f\r ]+/g, ' ')
    .replaceAll(/^ | $/g, '')
    .replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  return tagged(0x0c, Buffer.from(folded, 'utf8'));
}

/** UTF8, Printable, T61, IA5, Visible, BMP and Universal strings are folded; other types stay as they are. */
function decodeText({ tag, bytes }: DerValue): string | undefined {
  switch (tag) {
    case 0x0c:
      return bytes.toString('utf8');
    case 0x13:
    case 0x14:
    case 0x16:
    case 0x1a:
      return bytes.toString('latin1');
    case 0x1e:
      return Buffer.from(bytes).swap16().toString('utf16le');
    default:
      return undefined;
  }
}
