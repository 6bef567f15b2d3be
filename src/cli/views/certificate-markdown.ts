import type { CertificateView } from '../../stages/verify/describe-certificate.ts';
import { waivedName } from '../../gates/waivers.ts';
import { visibleLine } from '../../core/visible.ts';
import { escapeMarkdown as md, formatBytes } from './text.ts';

/** The certificate as text that is read in a terminal, a ticket or a repository. */
export function certificateMarkdown(view: CertificateView): string {
  const { grade } = view;
  return [
    ...(view.legacy === null ? [] : [`**${md(view.legacy)}**`, '']),
    `# ${md(view.title)}: Node.js ${md(view.release)} on ${md(view.base)}, ${md(view.variant)}`,
    '',
    `\`${view.digest}\``,
    '',
    `${view.isValid ? 'Certified' : 'NOT VALID'} for **${md(view.environment)}**, from ${day(view.certifiedOn)} until ${day(view.validUntil)}, signed by ${md(view.signedBy)}${view.keyHint === null ? '' : ` (key \`${view.keyHint}\`)`}.`,
    `Grade **${grade.grade}** (${md(grade.reason)})${grade.nextDrop === undefined ? '' : `; it drops on ${grade.nextDrop} unless somebody rebuilds`}.`,
    ...(view.endOfLife === null ? [] : [endOfLine(view.endOfLife, view.legacy)]),
    ...view.problems.map((text) => `- not valid: ${md(text)}`),
    ...view.revocations.map((text) => `**Taken back: ${md(text)}**`),
    '',
    '## What',
    '',
    '| platform | digest | size | components | tests |',
    '| --- | --- | --- | --- | --- |',
    ...view.platforms.map(
      ({ platform, digest, sizeBytes, components, tests }) =>
        `| ${md(platform)} | \`${digest}\` | ${formatBytes(sizeBytes)} | ${components} | ${tests.map(({ suite, passed, notApplicable, runtime }) => `${md(suite)}: ${passed} passed${notApplicable.length > 0 ? `, ${notApplicable.length} not applicable` : ''} (${md(runtime)})`).join(', ')} |`,
    ),
    '',
    ...(view.limitations.length === 0
      ? []
      : ['## What this release cannot do', '', ...view.limitations.map((text) => `- ${md(text)}`), '']),
    '## From what',
    '',
    `Built by ${md(view.builder)}, asked for by ${md(view.author)}, from ${view.inputs.length} inputs:`,
    '',
    ...view.inputs.map(({ name, sha256 }) => `- ${md(name)} \`sha256:${sha256}\``),
    '',
    '## Known vulnerabilities',
    '',
    ...(view.findings.length === 0
      ? [noFindings(view)]
      : view.findings.map(
          ({ id, severity, name, version, fixedVersion, vex }) =>
            `- ${md(id)} (${severity}) in ${md(name)} ${md(version)}${fixedVersion === undefined ? ', not repaired yet' : `, repaired in ${md(fixedVersion)}`}${vex ? `, VEX: ${md(vex.status)}` : ''}`,
        )),
    ...view.waivers.map(
      (waiver) =>
        `- waived: ${md(waivedName(waiver))} by ${md(waiver.by)} until ${md(waiver.until)}: ${md(waiver.reason)}`,
    ),
    '',
    '## What the gates said',
    '',
    `Policy \`${view.policyDigest}\``,
    '',
    ...view.verdicts.map(({ gate, result, reason }) => `- ${result} **${md(gate)}**: ${md(reason)}`),
    '',
    '## Approvals',
    '',
    ...(view.approvals.length === 0
      ? ['None was asked for.']
      : view.approvals.map(
          ({ person, reason, decidedOn, overrules }) =>
            `- ${md(person)}, ${day(decidedOn)}: ${md(reason)}${overrules.length > 0 ? ` (overrules ${md(overrules.join(', '))})` : ''}`,
        )),
    '',
    '## How to verify',
    '',
    ...verifyCommands(view).map((line) => `    ${visibleLine(line)}`),
    '',
  ].join('\n');
}

export function noFindings({ isScanned }: Pick<CertificateView, 'isScanned'>): string {
  return isScanned ? 'None that the feeds know.' : 'Nobody looked: the image has no scan.';
}

export function endOfLine(day: string, legacy: string | null): string {
  return `The line ${legacy === null ? 'ends' : 'ended'} on ${day}.`;
}

/** Commands of ours and of others, for the digest. */
export function verifyCommands({
  reference,
  digest,
  environment,
}: Pick<CertificateView, 'reference' | 'digest' | 'environment'>): string[] {
  const isRegistry = reference.includes('/') && !reference.startsWith('oci:');
  const repository = isRegistry ? reference.replace(/(?:@.*|:[^/:]*)$/, '') : 'REPOSITORY';
  const image = `${repository}@${digest}`;
  return [
    `nodeworthy verify ${isRegistry ? image : reference} --key release.pub --environment ${environment} --explain`,
    `cosign verify --key release.pub --insecure-ignore-tlog ${image}`,
    `cosign verify-attestation --key release.pub --insecure-ignore-tlog --type https://slsa.dev/verification_summary/v1 ${image}`,
  ];
}

function day(time: string): string {
  return time.slice(0, 10);
}
