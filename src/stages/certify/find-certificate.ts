import { CertificateSchema, type Certificate, type Finding } from '../../formats/attestation/predicate-shapes.ts';
import { readPredicate, statementsOf, type EvidenceOf } from '../../gates/gate.ts';
import { newestScans } from '../../gates/newest-scans.ts';

/** Certificates of an environment, or of any; the newest first. */
export function certificatesFor(evidence: EvidenceOf, environment: string | undefined): Certificate[] {
  const found = statementsOf(evidence, 'certificate').flatMap((statement) => {
    const certificate = readPredicate(statement, CertificateSchema);
    const fits = environment === undefined || certificate?.nodeworthy_environment === environment;
    return certificate && fits ? [certificate] : [];
  });
  return found.sort((a, b) => (a.timeVerified < b.timeVerified ? 1 : -1));
}

/** What counts is what was said last. */
export function bestCertificate(evidence: EvidenceOf, environment: string | undefined): Certificate | undefined {
  return certificatesFor(evidence, environment)[0];
}

/** What the scans of all platforms found, each once. */
export function findingsOf(platforms: readonly { readonly evidence: EvidenceOf }[]): Finding[] {
  const found = platforms.flatMap(({ evidence }) =>
    newestScans(evidence).flatMap(({ scan }) => scan.nodeworthy_findings),
  );
  return [...new Map(found.map((finding) => [`${finding.id} ${finding.component}`, finding])).values()];
}
