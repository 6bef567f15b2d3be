import { dirname, join, resolve } from 'node:path';
import { lockName, type LoadedRecipe } from '../config/load-recipe.ts';
import type { SigningConfig } from '../config/signing-schema.ts';

/**
 * Every file and folder whose bytes decide what an image is, how it is judged, and who is believed: the recipe, its lock,
 * and what the recipe names. Private keys are none of it.
 * @returns absolute paths
 */
export function namedFiles(
  { recipe, path, folder }: LoadedRecipe,
  gates: readonly { readonly files: readonly string[] }[],
): string[] {
  const { signing, trust, publish, feeds, vex } = recipe;
  const { source } = recipe.node;
  const named: (string | undefined)[] = [
    typeof source === 'object' && 'nodejs-dist' in source ? source['nodejs-dist'].keyring : undefined,
    ...Object.values(recipe.bases).map((base) => ('debian' in base ? base.keyring : base.caFile)),
    ...recipe.overlays.flatMap(({ files, certificates }) => [...files.map(({ from }) => from), ...certificates]),
    ...recipe.images.map(({ dockerfile }) => contextOf(dockerfile)),
    ...[...recipe.tests, ...recipe.images.flatMap(({ tests }) => tests)].map((test) =>
      test.dockerfile === undefined ? test.path : contextOf(test.dockerfile),
    ),
    ...publish.map(({ caFile }) => caFile),
    ...(signing ? [signing.release, signing.failures] : []).flatMap(filesOfSigner),
    ...trust.map(({ publicKey, identity }) => publicKey ?? identity?.trustedRoot).filter((text) => !isInline(text)),
    ...feeds.flatMap((feed) => [feed.path, feed.caFile]),
    ...vex,
    ...gates.flatMap(({ files }) => files),
  ];
  const paths = named.flatMap((name) => (name === undefined ? [] : resolve(folder, name)));
  return [...new Set([path, join(folder, lockName), ...paths])];
}

function filesOfSigner(signer: SigningConfig['release']): (string | undefined)[] {
  return [
    'publicKey' in signer ? signer.publicKey : undefined,
    'caFile' in signer ? signer.caFile : undefined,
    // A program that signs decides what is signed; one of the machine is not ours to look at.
    ...('command' in signer ? signer.command.filter((word) => word.startsWith('.')) : []),
  ];
}

/** A Dockerfile copies from its folder. */
function contextOf(dockerfile: string): string {
  return /(?:^|[/.])dockerfile(?:\.|$)/i.test(dockerfile) ? dirname(dockerfile) : dockerfile;
}

/** A key or root that is written out in the recipe. */
function isInline(text: string | undefined): boolean {
  return text !== undefined && /^(?:-----BEGIN|\{)/.test(text);
}
