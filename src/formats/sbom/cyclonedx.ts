import { createHash } from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';
import { hexOf } from '../../core/digest.ts';
import { packageUrl } from '../purl/package-url.ts';
import { spdxExpression } from './licenses.ts';
import type { SbomComponent, SbomModel } from './model.ts';

/** A CycloneDX 1.6 document. Its serial number comes from the image's digest: the same image, the same bytes. */
export function cycloneDxDocument(model: SbomModel): object {
  const root = imageReference(model);
  const tops = model.components.filter(({ partOf }) => partOf === undefined);
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    serialNumber: `urn:uuid:${uuidOf(`cyclonedx ${model.digest}`)}`,
    version: 1,
    metadata: {
      timestamp: model.created,
      tools: { components: [{ type: 'application', name: 'nodeworthy' }] },
      component: {
        type: 'container',
        'bom-ref': root,
        name: model.name,
        version: model.digest,
        purl: root,
        hashes: [{ alg: 'SHA-256', content: hexOf(model.digest) }],
        properties: [
          { name: 'io.nodeworthy.files.total', value: String(model.files.total) },
          { name: 'io.nodeworthy.files.owned', value: String(model.files.owned) },
          { name: 'io.nodeworthy.files.listed', value: String(model.files.listed) },
          { name: 'io.nodeworthy.platform', value: model.platform },
        ],
      },
    },
    components: tops.map((component) => componentOf(component, model.components)),
    dependencies: [
      { ref: root, dependsOn: tops.filter(({ kind }) => kind !== 'file').map(({ ref }) => ref) },
      ...tops.filter(({ kind }) => kind !== 'file').map(({ ref }) => ({ ref })),
    ],
  };
}

/** How others name the image: `pkg:oci/NAME@DIGEST`. */
export function imageReference({ name, digest, platform }: Pick<SbomModel, 'name' | 'digest' | 'platform'>): string {
  const [, architecture] = platform.split('/');
  return packageUrl({ type: 'oci', name, version: digest, qualifiers: { arch: architecture } });
}

const types = {
  system: 'operating-system',
  deb: 'library',
  node: 'application',
  nested: 'library',
  npm: 'library',
  file: 'file',
} as const satisfies Record<SbomComponent['kind'], string>;

function componentOf(component: SbomComponent, all: readonly SbomComponent[]): object {
  const parts = all.filter(({ partOf }) => partOf === component.ref);
  const { source, files } = component;
  const properties = [
    ...(source
      ? [
          { name: 'io.nodeworthy.source', value: `${source.name} ${source.version}` },
          { name: 'io.nodeworthy.suite', value: source.suite },
        ]
      : []),
    ...(files
      ? [
          { name: 'io.nodeworthy.files.count', value: String(files.count) },
          { name: 'io.nodeworthy.files.digest', value: files.digest },
        ]
      : []),
  ];
  return {
    type: types[component.kind],
    'bom-ref': component.ref,
    name: component.name,
    ...(component.version === '' ? {} : { version: component.version }),
    ...(component.purl === undefined ? {} : { purl: component.purl }),
    ...(component.cpe === undefined ? {} : { cpe: component.cpe }),
    ...(component.supplier === undefined ? {} : { supplier: { name: component.supplier } }),
    ...(component.sha256 === undefined ? {} : { hashes: [{ alg: 'SHA-256', content: component.sha256 }] }),
    ...(component.licenses.length === 0 ? {} : { licenses: licensesOf(component.licenses) }),
    ...(properties.length === 0 ? {} : { properties }),
    ...(parts.length === 0 ? {} : { components: parts.map((part) => componentOf(part, all)) }),
  };
}

/** One expression where all are known to SPDX; else their names as they are. */
function licensesOf(licenses: readonly string[]): object[] {
  const expression = spdxExpression(licenses);
  return expression === undefined ? licenses.map((name) => ({ license: { name } })) : [{ expression }];
}

/** A name-based identifier (RFC 9562, version 8: custom): the same text, the same identifier. */
function uuidOf(text: string): string {
  const hex = createHash('sha256').update(canonicalJson(text)).digest('hex');
  const variant = ((Number.parseInt(hex.slice(16, 18), 16) & 0x3f) | 0x80).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(18, 20)}-${hex.slice(20, 32)}`;
}
