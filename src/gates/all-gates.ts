import { z } from 'zod';
import type { Gate } from './gate.ts';
import { approvalsGate } from './members/approvals.ts';
import { baseGate } from './members/base.ts';
import { contractGate } from './members/contract.ts';
import { feedsGate } from './members/feeds.ts';
import { hardeningGate } from './members/hardening.ts';
import { licensesGate } from './members/licenses.ts';
import { nodeLineGate } from './members/node-line.ts';
import { provenanceGate } from './members/provenance.ts';
import { reproducedGate } from './members/reproduced.ts';
import { revocationGate } from './members/revocation.ts';
import { sbomGate } from './members/sbom.ts';
import { scheduleGate } from './members/schedule.ts';
import { signatureGate } from './members/signature.ts';
import { sizeGate } from './members/size.ts';
import { testsGate } from './members/tests.ts';
import { vulnerabilitiesGate } from './members/vulnerabilities.ts';

/** The table, in the order in which verdicts are listed; approvals come last, for they know the others. */
const table = {
  tests: testsGate,
  signature: signatureGate,
  provenance: provenanceGate,
  sbom: sbomGate,
  hardening: hardeningGate,
  'node-line': nodeLineGate,
  base: baseGate,
  vulnerabilities: vulnerabilitiesGate,
  feeds: feedsGate,
  licenses: licensesGate,
  size: sizeGate,
  reproduced: reproducedGate,
  contract: contractGate,
  schedule: scheduleGate,
  approvals: approvalsGate,
} as const;

export const allGates: readonly Gate[] = [revocationGate, ...Object.values(table)] as readonly Gate[];

/** Gates that no policy can leave out: without them a digest proves nothing. */
export const requiredGates = ['revocation', 'tests', 'signature', 'provenance', 'sbom', 'hardening'] as const;

/** Asked of every image whose line has ended, whatever the policy names. */
export const endedLineGate = 'node-line';

/** Settings of gates in a policy, by name. A gate that needs none may be written as `{}`. */
export const GatesSchema = z.strictObject({
  tests: testsGate.Config.optional().describe(testsGate.summary),
  signature: signatureGate.Config.optional().describe(signatureGate.summary),
  provenance: provenanceGate.Config.optional().describe(provenanceGate.summary),
  sbom: sbomGate.Config.optional().describe(sbomGate.summary),
  hardening: hardeningGate.Config.optional().describe(hardeningGate.summary),
  'node-line': nodeLineGate.Config.optional().describe(nodeLineGate.summary),
  base: baseGate.Config.optional().describe(baseGate.summary),
  vulnerabilities: vulnerabilitiesGate.Config.optional().describe(vulnerabilitiesGate.summary),
  feeds: feedsGate.Config.optional().describe(feedsGate.summary),
  licenses: licensesGate.Config.optional().describe(licensesGate.summary),
  size: sizeGate.Config.optional().describe(sizeGate.summary),
  reproduced: reproducedGate.Config.optional().describe(reproducedGate.summary),
  contract: contractGate.Config.optional().describe(contractGate.summary),
  schedule: scheduleGate.Config.optional().describe(scheduleGate.summary),
  approvals: approvalsGate.Config.optional().describe(approvalsGate.summary),
});

export type GatesConfig = z.infer<typeof GatesSchema>;
