import { createHash } from 'node:crypto';
import { digestOf, hexOf } from '../../core/digest.ts';
import { imageReference } from './cyclonedx.ts';
import { spdxExpression } from './licenses.ts';
import type { SbomComponent, SbomModel } from './model.ts';

/** An SPDX 2.3 document of the same model. Files without a package are packages of their own with their digest. */
export function spdxDocument(model: SbomModel): object {
  const root = 'SPDXRef-Image';
  const packages = model.components.map(packageOf);
  return {
    SPDXID: 'SPDXRef-DOCUMENT',
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    name: `${model.name}@${model.digest}`,
    documentNamespace: `https://nodeworthy.io/spdx/${hexOf(model.digest)}`,
    creationInfo: { created: model.created, creators: ['Tool: nodeworthy'] },
    documentDescribes: [root],
    packages: [
      {
        SPDXID: root,
        name: model.name,
        versionInfo: model.digest,
        downloadLocation: 'NOASSERTION',
        filesAnalyzed: false,
        primaryPackagePurpose: 'CONTAINER',
        licenseConcluded: 'NOASSERTION',
        licenseDeclared: 'NOASSERTION',
        copyrightText: 'NOASSERTION',
        checksums: [{ algorithm: 'SHA256', checksumValue: hexOf(model.digest) }],
        externalRefs: [purlReference(imageReference(model))],
        comment: `regular files: ${model.files.total} in all, ${model.files.owned} of packages, ${model.files.listed} listed`,
      },
      ...packages,
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: root },
      ...model.components.map((component) => ({
        spdxElementId: component.partOf === undefined ? root : idOf(component.partOf),
        relationshipType: 'CONTAINS',
        relatedSpdxElement: idOf(component.ref),
      })),
    ],
  };
}

const purposes = {
  system: 'OPERATING-SYSTEM',
  deb: 'LIBRARY',
  node: 'APPLICATION',
  nested: 'LIBRARY',
  npm: 'LIBRARY',
  file: 'FILE',
} as const satisfies Record<SbomComponent['kind'], string>;

function packageOf(component: SbomComponent): object {
  const license = spdxExpression(component.licenses) ?? 'NOASSERTION';
  return {
    SPDXID: idOf(component.ref),
    name: component.name,
    ...(component.version === '' ? {} : { versionInfo: component.version }),
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    primaryPackagePurpose: purposes[component.kind],
    licenseConcluded: 'NOASSERTION',
    licenseDeclared: license,
    copyrightText: 'NOASSERTION',
    ...(component.supplier === undefined ? {} : { supplier: `Organization: ${component.supplier}` }),
    ...(component.sha256 === undefined
      ? {}
      : { checksums: [{ algorithm: 'SHA256', checksumValue: component.sha256 }] }),
    ...(component.source
      ? { sourceInfo: `built from source package ${component.source.name} ${component.source.version}` }
      : {}),
    ...(license === 'NOASSERTION' && component.licenses.length > 0
      ? { licenseComments: `named by the package: ${component.licenses.join(', ')}` }
      : {}),
    ...(component.files
      ? { comment: `${component.files.count} files, digest of the list ${component.files.digest}` }
      : {}),
    ...(component.purl === undefined && component.cpe === undefined
      ? {}
      : {
          externalRefs: [
            ...(component.purl === undefined ? [] : [purlReference(component.purl)]),
            ...(component.cpe === undefined
              ? []
              : [{ referenceCategory: 'SECURITY', referenceType: 'cpe23Type', referenceLocator: component.cpe }]),
          ],
        }),
  };
}

function purlReference(purl: string): object {
  return { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl };
}

/** Letters, digits, `.` and `-` only (SPDX 2.3, 7.2); what is cut away is kept apart by a digest. */
function idOf(ref: string): string {
  const plain = ref.replaceAll(/[^A-Za-z0-9.-]+/g, '-').slice(0, 60);
  return `SPDXRef-${plain}-${createHash('sha256').update(digestOf(ref)).digest('hex').slice(0, 12)}`;
}
