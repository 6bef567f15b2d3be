import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { Failure, translateFileError } from '../../core/errors.ts';
import { createHttpClient, readBody, withoutCredentials } from '../../core/http.ts';
import { parseJson } from '../../core/json.ts';
import { readPublicKey, signerOfKey, type Signer } from '../signer.ts';
import type { SignerPorts } from '../open-signer.ts';

export interface HttpSignerConfig {
  readonly url: string;
  readonly publicKey: string;
  readonly caFile?: string;
}

const Answer = z.looseObject({ signature: z.string() });

/**
 * A key service behind HTTP. `POST` of `{ "algorithm": "ecdsa-p256-sha256", "digest": BASE64 }`, with the token of
 * NODEWORTHY_SIGNER_TOKEN as bearer; the answer is `{ "signature": BASE64 }` in DER form.
 */
export async function openHttpSigner(config: HttpSignerConfig, ports: SignerPorts): Promise<Signer> {
  const path = resolve(ports.folder, config.publicKey);
  const pem = await readFile(path, 'utf8').catch((error: unknown) => {
    throw translateFileError(error, path);
  });
  const caFile = config.caFile === undefined ? undefined : resolve(ports.folder, config.caFile);
  const http = createHttpClient(caFile === undefined ? {} : { caFile });
  const token = ports.env['NODEWORTHY_SIGNER_TOKEN'];
  const where = withoutCredentials(config.url);
  const signer = signerOfKey(`the key service ${where}`, readPublicKey(pem, path), async (bytes) => {
    const digest = createHash('sha256').update(bytes).digest('base64');
    const response = await http.send(config.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ algorithm: 'ecdsa-p256-sha256', digest }),
      signal: ports.signal,
    });
    const body = await readBody(response, 1 << 20, config.url);
    const parsed = response.status === 200 ? Answer.safeParse(toJson(body)) : undefined;
    if (parsed?.success) return Buffer.from(parsed.data.signature, 'base64');
    throw new Failure('SIGNER_FAILED', `the key service ${where} answered ${response.status} and no signature`, {
      hint:
        response.status === 401 || response.status === 403
          ? 'set NODEWORTHY_SIGNER_TOKEN'
          : 'it must answer 200 with { "signature": BASE64 }',
    });
  });
  return { ...signer, close: () => http.close() };
}

function toJson(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8'));
  } catch {
    return undefined;
  }
}
