import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { ImageCellConfig } from '../../config/recipe-schema.ts';
import { findSuite } from '../catalog/debian-suites.ts';
import type { PlannedCell } from '../plan/cell.ts';
import {
  baseImageFacts,
  debianFacts,
  heapSizes,
  imageConfiguration,
  readsSystemStore,
  settingsFor,
} from '../plan/image-settings.ts';
import { answersOf, type Lock } from '../resolve/lock.ts';
import { builtInsOf } from '../catalog/built-ins.ts';
import { opensslLineOf } from '../catalog/capabilities.ts';
import { lineOfRelease, phaseOf } from '../catalog/release-lines.ts';
import { canBuildNative, toolsOf } from '../catalog/npm-lines.ts';
import type { Trait } from './battery/applicability.ts';
import type { CheckedCell } from './battery/battery.ts';

/** What the battery has to know of a cell: who it runs as, what it carries, and what it lacks on purpose. */
export function describeCell(
  {
    lock,
    loaded,
    context: { now },
  }: { readonly lock: Lock; readonly loaded: LoadedRecipe; readonly context: { readonly now: Date } },
  cell: PlannedCell,
): CheckedCell {
  const settings = settingsFor(loaded, cell, answersOf(lock));
  const base = loaded.recipe.bases[cell.base];
  const suite = base && 'debian' in base ? findSuite(base.debian, cell.base) : undefined;
  const locked = lock.cells.find((candidate) => candidate.id === cell.id)?.platforms[0];
  const image = lock.systems.find((system) => system.id === locked?.system)?.image;
  const isForeign = image !== undefined;
  const facts = image ? baseImageFacts(image, settings) : debianFacts(settings);
  const traits: readonly (readonly [Trait, boolean])[] = [
    ['no-shell', !facts.hasShell],
    ['no-package-manager', settings.hardening.includes('package-managers')],
    ['no-init', facts.init.length === 0],
    ['no-certificates', facts.certificateBundle === undefined],
    ['no-system-store', !readsSystemStore(settings, facts)],
    ['keeps-set-id', !settings.hardening.includes('set-id') && (isForeign || settings.variant.system === 'installed')],
    [
      'keeps-capabilities',
      !settings.hardening.includes('file-capabilities') && (isForeign || settings.variant.system === 'installed'),
    ],
    ['keeps-world-writable', !settings.hardening.includes('world-writable') && isForeign],
    ['foreign-base', isForeign],
    ['no-corepack', !toolsOf(cell.release).some(({ name }) => name === 'corepack')],
    ['no-native-builds', !canBuildNative(cell.release, suite?.codename)],
    ['end-of-life', isEnded(cell.release, now)],
  ];
  const configuration = imageConfiguration(cell.release, settings, facts);
  return {
    release: cell.release,
    suite: suite && !suite.isExperimental ? suite.codename : '',
    variant: cell.variant,
    user: configuration.user,
    configuration,
    hardening: settings.hardening,
    timeZone: settings.overlay.timeZone ?? 'UTC',
    capabilities: new Set(settings.capabilities),
    builtIns: builtInsOf(
      cell.release,
      new Set(settings.capabilities),
      lock.probed?.find(({ release }) => release === cell.release)?.lacks,
    ),
    heap: heapSizes(settings),
    opensslLine: opensslLineOf(cell.release, new Set(settings.capabilities)),
    traits: traits.flatMap(([trait, holds]) => (holds ? [trait] : [])),
  };
}

/** Past its last day: nobody brings its own data up to date. */
function isEnded(release: string, now: Date): boolean {
  const line = lineOfRelease(release);
  return line !== undefined && phaseOf(line, now) === 'end-of-life';
}

/** An image of a Dockerfile is its owner's: only that it starts Node.js is asked of it. */
export function describeImageCell(image: ImageCellConfig): CheckedCell {
  return {
    release: image.name,
    suite: '',
    variant: 'image',
    user: '',
    timeZone: '',
    hardening: [],
    configuration: undefined,
    capabilities: new Set(),
    builtIns: { has: { modules: [], globals: [] }, lacks: { modules: [], globals: [] } },
    heap: { percentage: 0 },
    opensslLine: '',
    traits: ['foreign-base'],
  };
}
