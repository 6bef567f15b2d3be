import type { Context } from '../../../core/context.ts';
import { digestOf, type Digest } from '../../../core/digest.ts';
import { Failure } from '../../../core/errors.ts';
import type { LayerFile, Runtime, RuntimeImage } from '../../../runtimes/runtime.ts';
import type { LayoutStore } from '../../../store/layout/layout-store.ts';
import { capabilityNames, type Capability } from '../../catalog/capabilities.ts';
import { assertionOf } from '../assertion-text.ts';
import { checkScripts } from './check-folders.ts';
import { createTestAuthority } from './test-authority.ts';

const folder = 'nodeworthy-test';
const scripts = ['probe.js', 'ask.js'].map((name) => ({ name, bytes: checkScripts.get(name) ?? Buffer.alloc(0) }));
/** Identity of the questions. */
export const probeDigest: Digest = digestOf(Buffer.concat(scripts.map(({ bytes }) => bytes)));
const answer = /^@@nodeworthy-can (.*)$/m;
/** An emulator starts a dozen processes in this time. */
const timeoutMs = 180_000;

/**
 * Runs the Node.js of an image and asks what it can do.
 * @throws Failure BASE_UNUSABLE with the words of loader, kernel or engine when it does not start or does not answer
 */
export async function askBinary(
  runtime: Runtime,
  { store, image }: { readonly store: LayoutStore; readonly image: RuntimeImage },
  { verificationTime, signal }: Pick<Context, 'verificationTime' | 'signal'>,
): Promise<Capability[]> {
  const whole = await runtime.open(store, image);
  const files = scripts.map(({ name, bytes }): LayerFile => ({
    path: `${folder}/${name}`,
    kind: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    bytes,
  }));
  // A base of somebody else need not have a /tmp that everybody may write to.
  const work: LayerFile = { path: `${folder}/work`, kind: 'directory', mode: 0o1777, uid: 0, gid: 0 };
  const environment = await runtime.addLayer(whole, [...files, work, ...createTestAuthority(verificationTime)]);
  try {
    const args = ['/usr/local/bin/node', `/${folder}/ask.js`];
    const { result } = await runtime.run(environment, { args, timeoutMs }, signal);
    const said = answer.exec(result.stdout)?.[1];
    if (result.exitCode === 0 && said !== undefined)
      return capabilityNames.filter((name) => said.split(' ').includes(name));
    const words = assertionOf(result.stderr) || result.stdout.trim().slice(0, 300);
    throw new Failure(
      'BASE_UNUSABLE',
      `its binary ${result.timedOut ? 'did not answer in time' : `ended with exit code ${result.exitCode}`}${words ? `: ${words}` : ''}`,
      { hint: 'run the binary by hand on the same base, and look at what it says' },
    );
  } finally {
    await runtime.dispose(environment);
    await runtime.dispose(whole);
  }
}
