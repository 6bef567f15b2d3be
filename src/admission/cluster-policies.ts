import { stringify } from 'yaml';
import { predicateTypes } from '../formats/attestation/predicates.ts';
import { mayState, outOfUse, type TrustedSigner, type TrustPolicy } from '../trust/trust-policy.ts';

/** Whose admission control a policy is written for. */
export const policyKinds = ['nodeworthy', 'policy-controller', 'kyverno', 'ratify', 'webhook'] as const;
export type PolicyKind = (typeof policyKinds)[number];

export interface PolicyInput {
  readonly name: string;
  /** Images that the policy is about, like `registry.example.com/acme/node`. */
  readonly repositories: readonly string[];
  readonly environment: string;
  readonly trust: TrustPolicy;
  readonly now: Date;
  /** Settings of the environment, for the trust file. */
  readonly settings: unknown;
  readonly service: { readonly name: string; readonly namespace: string };
}

/** A policy for a cluster, or the trust file for `nodeworthy verify`, from one trust policy. */
export function clusterPolicy(kind: PolicyKind, input: PolicyInput): string {
  switch (kind) {
    case 'nodeworthy':
      return yamlOf([trustFile(input)]);
    case 'policy-controller':
      return `${withoutRevocations}${yamlOf([clusterImagePolicy(input)])}`;
    case 'kyverno':
      return `${withoutRevocations}${yamlOf([kyvernoPolicy(input)])}`;
    case 'ratify':
      return `${signatureOnly}${withoutRevocations}${yamlOf(ratifyPolicies(input))}`;
    case 'webhook':
      return yamlOf([webhookConfiguration(input)]);
  }
}

/** What these engines cannot ask: said where it is read. */
const withoutRevocations =
  '# This engine sees certificates, not revocations: for those use the admission server of Nodeworthy as well.\n';
const signatureOnly =
  '# Ratify checks that a trusted key signed something about the image; it does not read the certificate.\n';

function yamlOf(documents: readonly object[]): string {
  return documents.map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
}

/** Those who may certify today: keys first, identities after them. */
function certifiers({ trust, now }: PolicyInput): TrustedSigner[] {
  return trust.signers.filter(
    (signer) => mayState(signer, { kind: 'certificate', isFailure: false }) && outOfUse(signer, now) === undefined,
  );
}

function pemOf({ identity }: TrustedSigner): string | undefined {
  return identity.kind === 'key' ? identity.key.export({ type: 'spki', format: 'pem' }).toString() : undefined;
}

/** Who is believed, with the keys in it: one file is all that a verifier needs. */
function trustFile({ trust, environment, settings }: PolicyInput): object {
  return {
    trust: trust.signers.map((signer) => {
      const { identity, name, states, builders, from, until, person, roles } = signer;
      return {
        name,
        ...(identity.kind === 'key'
          ? { publicKey: pemOf(signer) }
          : { identity: { issuer: identity.issuer, subject: identity.subject, trustedRoot: identity.trustedRoot } }),
        states,
        ...(builders ? { builders } : {}),
        ...(from === undefined ? {} : { from }),
        ...(until === undefined ? {} : { until }),
        ...(person === undefined ? {} : { person }),
        ...(roles.length > 0 ? { roles } : {}),
      };
    }),
    ...(settings === undefined ? {} : { environments: { [environment]: settings } }),
  };
}

/** The certificate must be a pass for this environment, and not over at the time of the question. */
const regoOfCertificate = (environment: string): string =>
  [
    'package sigstore',
    'default isCompliant = false',
    'isCompliant {',
    `  input.predicateType == "${predicateTypes.certificate}"`,
    '  input.predicate.verificationResult == "PASSED"',
    `  input.predicate.nodeworthy_environment == ${JSON.stringify(environment)}`,
    '  time.parse_rfc3339_ns(input.predicate.nodeworthy_validUntil) > time.now_ns()',
    '}',
    '',
  ].join('\n');

/** Sigstore policy-controller, `policy.sigstore.dev/v1beta1`. */
function clusterImagePolicy(input: PolicyInput): object {
  return {
    apiVersion: 'policy.sigstore.dev/v1beta1',
    kind: 'ClusterImagePolicy',
    metadata: { name: `${input.name}-${input.environment}` },
    spec: {
      mode: 'enforce',
      images: input.repositories.map((repository) => ({ glob: `${repository}**` })),
      authorities: certifiers(input).map((signer) => ({
        name: signer.name,
        signatureFormat: 'bundle',
        ...(signer.identity.kind === 'key'
          ? { key: { data: pemOf(signer), hashAlgorithm: 'sha256' } }
          : { keyless: { identities: [{ issuer: signer.identity.issuer, subject: signer.identity.subject }] } }),
        attestations: [
          {
            name: 'certificate',
            predicateType: predicateTypes.certificate,
            policy: { type: 'rego', data: regoOfCertificate(input.environment) },
          },
        ],
      })),
    },
  };
}

/** Kyverno, `kyverno.io/v1`: bundles, verified by key, with the certificate as a condition. */
function kyvernoPolicy(input: PolicyInput): object {
  const attestors = [
    {
      count: 1,
      entries: certifiers(input).map((signer) =>
        signer.identity.kind === 'key'
          ? { keys: { publicKeys: pemOf(signer), rekor: { ignoreTlog: true }, ctlog: { ignoreSCT: true } } }
          : { keyless: { issuer: signer.identity.issuer, subject: signer.identity.subject } },
      ),
    },
  ];
  return {
    apiVersion: 'kyverno.io/v1',
    kind: 'ClusterPolicy',
    metadata: { name: `${input.name}-${input.environment}` },
    spec: {
      background: false,
      failurePolicy: 'Fail',
      webhookTimeoutSeconds: 30,
      rules: [
        {
          name: 'certified',
          match: { any: [{ resources: { kinds: ['Pod'] } }] },
          verifyImages: [
            {
              type: 'SigstoreBundle',
              imageReferences: input.repositories.map((repository) => `${repository}*`),
              failureAction: 'Enforce',
              mutateDigest: true,
              verifyDigest: true,
              required: true,
              attestations: [
                {
                  type: predicateTypes.certificate,
                  attestors,
                  conditions: [
                    {
                      all: [
                        { key: '{{ verificationResult }}', operator: 'Equals', value: 'PASSED' },
                        { key: '{{ nodeworthy_environment }}', operator: 'Equals', value: input.environment },
                        {
                          key: '{{ time_after(nodeworthy_validUntil, time_now_utc()) }}',
                          operator: 'Equals',
                          value: true,
                        },
                      ],
                    },
                  ],
                },
              ],
            },
          ],
        },
      ],
    },
  };
}

/** Ratify, `config.ratify.deislabs.io/v1beta1`: keys, a store, and a verifier of signatures. */
function ratifyPolicies(input: PolicyInput): object[] {
  const keys = certifiers(input).flatMap((signer) => {
    const pem = pemOf(signer);
    return pem === undefined ? [] : [{ name: signer.name, pem }];
  });
  return [
    ...keys.map(({ name, pem }) => ({
      apiVersion: 'config.ratify.deislabs.io/v1beta1',
      kind: 'KeyManagementProvider',
      metadata: { name },
      spec: { type: 'inline', parameters: { contentType: 'key', value: pem } },
    })),
    {
      apiVersion: 'config.ratify.deislabs.io/v1beta1',
      kind: 'Store',
      metadata: { name: 'store-oras' },
      spec: { name: 'oras', parameters: { cosignEnabled: true } },
    },
    {
      apiVersion: 'config.ratify.deislabs.io/v1beta1',
      kind: 'Verifier',
      metadata: { name: `${input.name}-${input.environment}` },
      spec: {
        name: 'cosign',
        artifactTypes: 'application/vnd.dev.sigstore.bundle.v0.3+json',
        parameters: {
          trustPolicies: [
            {
              name: 'default',
              scopes: input.repositories.map((repository) => `${repository}*`),
              keys: keys.map(({ name }) => ({ provider: name })),
              tLogVerify: false,
            },
          ],
        },
      },
    },
  ];
}

/** Where the cluster asks our own admission server. It fails closed: who cannot be asked allows nothing. */
function webhookConfiguration({ name, environment, service }: PolicyInput): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name: `${name}-${environment}` },
    webhooks: [
      {
        name: 'certified.nodeworthy.io',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 15,
        clientConfig: { service: { ...service, path: '/validate', port: 443 }, caBundle: 'BASE64 OF THE AUTHORITY' },
        rules: [
          {
            apiGroups: [''],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['pods', 'pods/ephemeralcontainers'],
          },
        ],
      },
    ],
  };
}
