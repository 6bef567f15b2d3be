import semver from 'semver';
import type { Recipe } from '../../config/recipe-schema.ts';
import { Failure } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import { capabilitiesOf, capabilityNames, isProbed, type Capability } from '../catalog/capabilities.ts';

/** What binaries have answered, by release. */
export type ReleaseAnswers = ReadonlyMap<string, readonly Capability[]>;

/**
 * What a release can do: what its binary has answered, or the data on releases, and on top of it what the recipe says of
 * binaries of one's own. The check `capabilities` holds all of it to the binary, so that nothing can turn a check off.
 * @throws Failure RECIPE_INVALID for a range or a name that does not exist, and for a name in both lists
 */
export function releaseCapabilities(
  release: string,
  { node }: Pick<Recipe, 'node'>,
  answers: ReleaseAnswers,
): Capability[] {
  const inData = capabilitiesOf(release);
  const answered = answers.get(release);
  const found = new Set(
    answered ? capabilityNames.filter((name) => (isProbed(name) ? answered : [...inData]).includes(name)) : inData,
  );
  for (const [range, { has, lacks }] of Object.entries(node.capabilities)) {
    if (semver.validRange(range) === null)
      throw new Failure('RECIPE_INVALID', `node.capabilities: ${JSON.stringify(range)} is not a range of releases`, {
        hint: 'write a version like 24.21.0, or a range like ^24.5.0',
      });
    const both = has.find((name) => lacks.includes(name));
    if (both !== undefined)
      throw new Failure('RECIPE_INVALID', `node.capabilities.${range}: ${both} is in has and in lacks`, {
        hint: 'leave it in one of them',
      });
    const names = { has: has.map((name) => known(range, name)), lacks: lacks.map((name) => known(range, name)) };
    if (!semver.satisfies(release, range)) continue;
    for (const name of names.has) found.add(name);
    for (const name of names.lacks) found.delete(name);
  }
  return [...found].sort();
}

function known(range: string, name: string): Capability {
  const capability = capabilityNames.find((candidate) => candidate === name);
  const where = `node.capabilities.${range}`;
  if (capability === undefined) {
    const near = suggest(name, [...capabilityNames]);
    throw new Failure('RECIPE_INVALID', `${where}: there is no capability ${name}`, {
      hint: near ? `did you mean ${near}?` : `known: ${capabilityNames.join(', ')}`,
    });
  }
  if (isProbed(capability)) return capability;
  throw new Failure('RECIPE_INVALID', `${where}: ${name} cannot be overridden`, {
    hint: 'no binary can be asked for it, so a mistake would not be found',
  });
}
