import { z } from 'zod';
import {
  allow,
  defineGate,
  deny,
  missing,
  PlainConfig,
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
  Config: PlainConfig,
  evaluate: ({ platforms, image }) => platforms.map((target) => judgePlatform(target, image.release)),
});

function judgePlatform({ platform, digest, evidence }: PlatformInput, release: string): Answer {
  const fix = 'run `nodeworthy run` again: it makes what is missing';
  const [cycloneDx] = statementsOf(evidence, 'sbom-cyclonedx');
  const [spdx] = statementsOf(evidence, 'sbom-spdx');
  if (!cycloneDx) return deny(`${platform}: ${missing('SBOM in CycloneDX', 'sbom-cyclonedx', evidence)}`, fix);
  if (!spdx) return deny(`${platform}: ${missing('SBOM in SPDX', 'sbom-spdx', evidence)}`, fix);
  const both = [cycloneDx, spdx];
  const document = Document.safeParse(cycloneDx.predicate).data;
  if (!document || !Spdx.safeParse(spdx.predicate).success)
    return deny(`${platform}: the SBOM is not of its format`, fix, both);
  const { version, properties } = document.metadata.component;
  if (version !== digest) return deny(`${platform}: the SBOM is about ${version}`, fix, both);
  const count = (name: string): number =>
    Number(properties.find((item) => item.name === `io.nodeworthy.files.${name}`)?.value ?? Number.NaN);
  const listed = document.components.filter(({ type }) => type === 'file').length;
  const accounted = count('owned') + listed;
  if (!(accounted === count('total') && listed === count('listed')))
    return deny(`${platform}: the SBOM accounts for ${accounted} of ${count('total')} files`, fix, both);
  const node = document.components.find(({ type, name }) => type === 'application' && name === 'node');
  if (/^\d+\.\d+\.\d+/.test(release) && (node?.version !== release || (node.components ?? []).length === 0))
    return deny(`${platform}: the SBOM does not list Node.js ${release} with what is built into it`, fix, both);
  return allow(
    `${platform}: ${document.components.length} components, all ${count('total')} files accounted for`,
    both,
  );
}
