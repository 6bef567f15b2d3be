import type { Context } from '../../../core/context.ts';
import { digestOf, type Digest } from '../../../core/digest.ts';
import { Failure } from '../../../core/errors.ts';
import type { LayerFile, Runtime, RuntimeImage } from '../../../runtimes/runtime.ts';
import type { LayoutStore } from '../../../store/layout/layout-store.ts';
import { builtInsDigest, builtInsOf } from '../../catalog/built-ins.ts';
import { capabilitiesOf, capabilityNames, type Capability } from '../../catalog/capabilities.ts';
import { assertionOf } from '../assertion-text.ts';
import { checkScripts } from './check-folders.ts';
import { createTestAuthority } from './test-authority.ts';

const folder = 'nodeworthy-test';
const scripts = ['probe.js', 'ask.js'].map((name) => ({ name, bytes: checkScripts.get(name) ?? Buffer.alloc(0) }));
/** Identity of the questions. */
export const probeDigest: Digest = digestOf(
  Buffer.concat([...scripts.map(({ bytes }) => bytes), Buffer.from(builtInsDigest)]),
);
const answer = /^@@nodeworthy-can (.*)$/m;
const missing = /^@@nodeworthy-lacks (.*)$/m;
/** An emulator starts a dozen processes in this time. */
const timeoutMs = 180_000;

export interface BinaryAnswer {
  readonly capabilities: Capability[];
  /** What it has not of the modules and globals that its line has; left out when there is nothing of the kind. */
  readonly lacks?: { modules: string[]; globals: string[] };
}

/**
 * Runs the Node.js of an image and asks what it can do.
 * @throws Failure BASE_UNUSABLE with the words of loader, kernel or engine when it does not start or does not answer
 */
export async function askBinary(
  runtime: Runtime,
  { store, image, release }: { readonly store: LayoutStore; readonly image: RuntimeImage; readonly release: string },
  { verificationTime, signal }: Pick<Context, 'verificationTime' | 'signal'>,
): Promise<BinaryAnswer> {
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
    const expected = builtInsOf(release, capabilitiesOf(release)).has;
    const env = { EXPECTED_BUILT_INS: JSON.stringify(expected) };
    const { result } = await runtime.run(environment, { args, env, timeoutMs }, signal);
    const said = answer.exec(result.stdout)?.[1];
    if (result.exitCode === 0 && said !== undefined) {
      const capabilities = capabilityNames.filter((name) => said.split(' ').includes(name));
      const unmet = missing.exec(result.stdout)?.[1] ?? '';
      // What a capability that is missing tells of is not told again.
      const { modules, globals } = builtInsOf(release, new Set(capabilities)).has;
      const gone = unmet.split(' ');
      const lacks = {
        modules: modules.filter((name) => gone.includes(`module:${name}`)),
        globals: globals.filter((name) => gone.includes(`global:${name}`)),
      };
      return lacks.modules.length + lacks.globals.length > 0 ? { capabilities, lacks } : { capabilities };
    }
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
