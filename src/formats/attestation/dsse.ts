/** The only payload type that verifiers of the field take (sigstore-go, cosign). */
export const statementPayloadType = 'application/vnd.in-toto+json';

/**
 * Pre-authentication encoding: what is signed (DSSE protocol, "Signature Definition"). Lengths are in bytes, of the
 * payload as it is and not of its base64.
 */
export function preAuthEncoding(payloadType: string, payload: Buffer): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
