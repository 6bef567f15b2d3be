import * as openpgp from 'openpgp';
import { beforeAll, describe, expect, it } from 'vitest';
import { verifyCleartext } from './verify-cleartext.ts';

let signer: { armored: string; fingerprint: string; sign: (text: string) => Promise<string> };
let stranger: typeof signer;

async function makeSigner(name: string): Promise<typeof signer> {
  const { privateKey, publicKey } = await openpgp.generateKey({ userIDs: [{ name }], format: 'object' });
  return {
    armored: publicKey.armor(),
    fingerprint: publicKey.getFingerprint().toUpperCase(),
    sign: async (text) =>
      await openpgp.sign({ message: await openpgp.createCleartextMessage({ text }), signingKeys: privateKey }),
  };
}

beforeAll(async () => {
  [signer, stranger] = await Promise.all([makeSigner('one'), makeSigner('two')]);
});

const soon = (): Date => new Date(Date.now() + 60_000);

describe('verifyCleartext', () => {
  it('returns what was signed and who signed', async () => {
    const verified = await verifyCleartext(await signer.sign('hello\n- dash\nend'), {
      name: 'x',
      keyring: [Buffer.from(stranger.armored), Buffer.from(signer.armored)],
      now: soon(),
    });
    expect(verified.text.replaceAll('\r', '')).toBe('hello\n- dash\nend');
    expect(verified.fingerprints).toEqual([signer.fingerprint]);
  });

  it('refuses a text that was changed after it was signed', async () => {
    const changed = (await signer.sign('pay 1')).replace('pay 1', 'pay 9');
    await expect(
      verifyCleartext(changed, { name: 'x', keyring: [Buffer.from(signer.armored)], now: soon() }),
    ).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('refuses a good signature by a stranger', async () => {
    await expect(
      verifyCleartext(await stranger.sign('hello'), { name: 'x', keyring: [Buffer.from(signer.armored)], now: soon() }),
    ).rejects.toMatchObject({ code: 'SIGNATURE' });
  });

  it('refuses a key of the keyring that is not on the list of trusted ones', async () => {
    const options = { name: 'x', keyring: [Buffer.from(signer.armored)], trusted: [stranger.fingerprint], now: soon() };
    await expect(verifyCleartext(await signer.sign('hello'), options)).rejects.toMatchObject({
      code: 'SIGNATURE',
      message: expect.stringContaining('none of the trusted keys'),
    });
  });

  it('refuses a text without a signature', async () => {
    await expect(
      verifyCleartext('Suite: stable\n', { name: 'InRelease', keyring: [Buffer.from(signer.armored)], now: soon() }),
    ).rejects.toMatchObject({ code: 'SIGNATURE', message: expect.stringContaining('InRelease') });
  });
});
