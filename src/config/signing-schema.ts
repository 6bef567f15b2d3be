import { z } from 'zod';
import {
  predicateKinds,
  statementGroups,
  type PredicateKind,
  type StatementGroup,
} from '../formats/attestation/predicates.ts';

const LocalKey = z.strictObject({
  key: z.string().describe('PEM file with the private key; its passphrase comes from NODEWORTHY_PASSPHRASE'),
});
const CommandSigner = z.strictObject({
  command: z
    .array(z.string())
    .min(1)
    .describe('Program and arguments; it gets the bytes on standard input and prints the signature in base64'),
  publicKey: z.string().describe('PEM file with the public key'),
});
const HttpSigner = z.strictObject({
  url: z.url().describe('Key service that takes a digest and answers with a signature'),
  publicKey: z.string().describe('PEM file with the public key'),
  caFile: z.string().optional().describe('PEM file with the authority of the service'),
});
const KeylessSigner = z.strictObject({
  keyless: z.strictObject({
    fulcio: z.url().describe('Address of the certificate authority'),
    rekor: z.url().describe('Address of the transparency log'),
  }),
});

const SignerSchema = z.union([LocalKey, CommandSigner, HttpSigner, KeylessSigner]);
export type SignerConfig = z.infer<typeof SignerSchema>;

export const SigningSchema = z.strictObject({
  release: SignerSchema.describe('Signs evidence and certificates'),
  failures: SignerSchema.describe(
    'Signs what speaks against an image; another key, so that it can never pass for a release',
  ),
  confirm: z
    .array(z.string())
    .min(1)
    .optional()
    .describe(
      'Program and arguments, asked before anything is signed: it gets what is to be signed as JSON on standard input, and says yes with exit status 0',
    ),
  builder: z
    .string()
    .default('https://nodeworthy.io/builders/local')
    .describe('Identity of this builder in provenance'),
  author: z.string().optional().describe('Who asks for the images; without it, the author of the recipe’s last commit'),
});
export type SigningConfig = z.infer<typeof SigningSchema>;

const stated = [...Object.keys(statementGroups), ...predicateKinds].filter(
  (name, at, all) => all.indexOf(name) === at,
) as (PredicateKind | StatementGroup)[];

const Identity = z.strictObject({
  issuer: z.string().describe('Who vouches for the identity, like the address of a login service'),
  subject: z.string().describe('The identity, exactly'),
  trustedRoot: z.string().describe('trusted_root.json of the Sigstore deployment: a file, or its text'),
});

/** Who may state what: what a verifier believes. */
export const TrustSchema = z
  .array(
    z
      .strictObject({
        name: z.string().min(1),
        publicKey: z.string().optional().describe('PEM file with a public key, or the key itself'),
        identity: Identity.optional().describe('An identity that signs without a key of its own'),
        states: z
          .array(z.enum(stated))
          .min(1)
          .describe(
            'What it may state: groups (evidence, certificates, revocations, approvals, vex, failures) or single kinds',
          ),
        builders: z.array(z.string()).optional().describe('Builders whose provenance it may sign; without it, any'),
        from: z.iso.date().optional().describe('First day of use'),
        until: z.iso.date().optional().describe('First day on which it is no longer used'),
        person: z
          .string()
          .includes('@', { error: 'a mail address, as authors of commits have one' })
          .optional()
          .describe('Mail address of who holds the key; needed for approvals'),
        roles: z.array(z.string()).default([]).describe('What the person may approve as'),
      })
      .refine(({ publicKey, identity }) => (publicKey === undefined) !== (identity === undefined), {
        message: 'name either a publicKey or an identity',
      })
      .refine(({ states, person }) => person !== undefined || !states.some((name) => name.startsWith('approval')), {
        message: 'a key for approvals needs a person',
      }),
  )
  .describe('Keys and identities that are believed, and for what');
export type TrustConfig = z.infer<typeof TrustSchema>;
