import { z } from 'zod';
import {
  allow,
  defineGate,
  deny,
  missing,
  RequiredConfig,
  statementsOf,
  type Answer,
  type PlatformInput,
} from '../gate.ts';

const Property = z.looseObject({ name: z.string(), value: z.string() });

/** What of a CycloneDX document says that it is whole. */
const Document = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  metadata: z.looseObject({
    component: z.looseObject({ version: z.string(), properties: z.array(Property) }),
  }),
  components: z.array(
    z.looseObject({
      type: z.string(),
      name: z.string(),
      version: z.string().optional(),
      components: z.array(z.unknown()).optional(),
    }),
  ),
});

const Spdx = z.looseObject({ spdxVersion: z.string(), packages: z.array(z.looseObject({})).min(2) });

export const sbomGate = defineGate({
  name: 'sbom',
  summary: 'Each platform has a bill of materials in CycloneDX and in SPDX that accounts for each file',
  reason: 'What is not listed is not looked for when the next vulnerability is known.',
  Config: RequiredConfig,
  evaluate: ({ platforms, image }) => platforms.map((target) => judgePlatform(target, image.release)),
});

function judgePlatform({ platform, digest, evidence }: PlatformInput, release: string): Answer {
  const fix = 'run `nodeworthy run` again: it makes what is missing';
  // Several may be there, of several versions of ours: one that is whole is enough.
  const all = statementsOf(evidence, 'sbom-cyclonedx');
  const cycloneDx = all.find(({ predicate }) => isWhole(predicate, digest, release)) ?? all[0];
  const [spdx] = statementsOf(evidence, 'sbom-spdx');
  if (!cycloneDx) return deny(`${platform}: ${missing('SBOM in CycloneDX', 'sbom-cyclonedx', evidence)}`, fix);
  if (!spdx) return deny(`${platform}: ${missing('SBOM in SPDX', 'sbom-spdx', evidence)}`, fix);
  const both = [cycloneDx, spdx];
  const problem = problemOf(cycloneDx.predicate, digest, release);
  if (problem !== undefined || !Spdx.safeParse(spdx.predicate).success)
    return deny(`${platform}: ${problem ?? 'the SBOM in SPDX is not of its format'}`, fix, both);
  return allow(`${platform}: every file of the SBOM is accounted for`, both);
}

type Predicate = Readonly<Record<string, unknown>>;

function isWhole(predicate: Predicate, digest: string, release: string): boolean {
  return problemOf(predicate, digest, release) === undefined;
}

/** @returns what a CycloneDX document lacks; undefined when it is whole */
function problemOf(predicate: Predicate, digest: string, release: string): string | undefined {
  const document = Document.safeParse(predicate).data;
  if (!document) return 'the SBOM is not of its format';
  const { version, properties } = document.metadata.component;
  if (version !== digest) return `the SBOM is about ${version}`;
  const count = (name: string): number =>
    Number(properties.find((item) => item.name === `io.nodeworthy.files.${name}`)?.value ?? Number.NaN);
  const listed = document.components.filter(({ type }) => type === 'file').length;
  const accounted = count('owned') + listed;
  if (!(accounted === count('total') && listed === count('listed')))
    return `the SBOM accounts for ${accounted} of ${count('total')} files`;
  const node = document.components.find(({ type, name }) => type === 'application' && name === 'node');
  const isRelease = /^\d+\.\d+\.\d+/.test(release);
  if (isRelease && (node?.version !== release || (node.components ?? []).length === 0))
    return `the SBOM does not list Node.js ${release} with what is built into it`;
  return undefined;
}
