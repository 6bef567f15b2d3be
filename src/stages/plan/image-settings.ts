import type { LoadedRecipe } from '../../config/load-recipe.ts';
import { rulesFor, type HardeningRuleName } from '../../config/hardening.ts';
import { canonicalJson } from '../../core/canonical-json.ts';
import { Failure } from '../../core/errors.ts';
import { digestOf, type Digest } from '../../core/digest.ts';
import { compressions } from '../../formats/layer-compression.ts';
import { limitationsOf, type Capability } from '../catalog/capabilities.ts';
import { lineOfRelease } from '../catalog/release-lines.ts';
import { mergeOverlays, semiSpaceSetting, type MergedOverlay } from './merge-overlays.ts';
import { releaseCapabilities, type ReleaseAnswers } from './release-capabilities.ts';
import { imagePaths, imageUser, variantNamed, type Variant } from './variants.ts';

/** Raised whenever assembly makes other bytes from the same inputs: a lock says which assembly it was made for. */
const assemblyVersion = 7;
/** What a release lacks is said on its image: sentences, separated by semicolons. */
export const limitationsLabel = 'io.nodeworthy.limitations';
/** Share of the container's memory that the JavaScript heap may take. */
const defaultHeapPercentage = 70;

export type LayersMode = LoadedRecipe['recipe']['layers'];

/** Everything about an image that is not an input. */
export interface ImageSettings {
  readonly variant: Variant;
  readonly hardening: readonly HardeningRuleName[];
  /** Rules of the variant below, for the layers that are shared with it. */
  readonly sharedHardening: readonly HardeningRuleName[];
  readonly layers: LayersMode;
  readonly overlay: MergedOverlay;
  readonly compressorId: string;
  /** What the release can do: each image starts with the best settings that its Node.js understands. */
  readonly capabilities: readonly Capability[];
}

/** What assembly has to know of the operating system under an image. */
export interface BaseFacts {
  /** Program that reaps orphans and forwards signals, with its arguments; none when the base has none. */
  readonly init: readonly string[];
  readonly hasShell: boolean;
  /** Where the bundle of authorities is; undefined when there is none. */
  readonly certificateBundle: string | undefined;
  /** Variables of an image that lies below. */
  readonly environment: readonly string[];
}

/** What was found out about an image that lies below. */
export interface BaseImageFacts extends Omit<BaseFacts, 'certificateBundle'> {
  readonly certificateBundle?: string | undefined;
}

export interface ImageConfiguration {
  readonly user: string;
  readonly workingDirectory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** Order is kept: later values may use earlier ones. */
  readonly environment: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string;
}

export function settingsFor(
  { recipe, overlays }: Pick<LoadedRecipe, 'recipe' | 'overlays'>,
  cell: { readonly id: string; readonly release: string; readonly variant: string },
  answers: ReleaseAnswers,
): ImageSettings {
  const variant = variantNamed(cell.variant);
  return {
    variant,
    hardening: rulesFor(recipe.hardening, cell.variant),
    sharedHardening: rulesFor(recipe.hardening, variant.extends ?? cell.variant),
    layers: recipe.layers,
    overlay: mergeOverlays(overlays, cell.id),
    compressorId: compressions[recipe.compression].id,
    capabilities: releaseCapabilities(cell.release, recipe, answers),
  };
}

/** A Debian system of our own making. */
export function debianFacts({ variant, hardening }: Pick<ImageSettings, 'variant' | 'hardening'>): BaseFacts {
  return {
    init: ['/usr/bin/tini', '--'],
    hasShell: variant.system === 'installed' && !hardening.includes('shells'),
    certificateBundle: '/etc/ssl/certs/ca-certificates.crt',
    environment: [],
  };
}

/** A system of somebody else, as hardening leaves it. */
export function baseImageFacts(image: BaseImageFacts, { hardening }: Pick<ImageSettings, 'hardening'>): BaseFacts {
  const { init, certificateBundle, environment } = image;
  return { init, certificateBundle, environment, hasShell: image.hasShell && !hardening.includes('shells') };
}

/**
 * What the image says about running it. Only what the release understands: an option it does not know in NODE_OPTIONS
 * keeps it from starting, and a variable it does not read would promise something.
 */
export function imageConfiguration(release: string, settings: ImageSettings, base: BaseFacts): ImageConfiguration {
  const { variant, overlay, hardening, capabilities } = settings;
  const authorities = authoritySettings(settings, base);
  const youngGeneration = youngGenerationSettings(settings);
  const options = [
    ...(capabilities.includes('heap-percentage')
      ? [`--max-old-space-size-percentage=${heapSizes(settings).percentage}`]
      : []),
    ...diagnosticOptions(capabilities),
    ...authorities.options,
    ...overlay.nodeOptions,
    ...youngGeneration.options.filter((option) => !overlay.nodeOptions.includes(option)),
  ];
  const setsOptions = overlay.nodeOptions.length > 0 || overlay.environment['NODE_OPTIONS'] !== undefined;
  if (setsOptions && !capabilities.includes('node-options'))
    throw new Failure('RECIPE_INVALID', `Node.js ${release} does not read NODE_OPTIONS, and an overlay sets it`, {
      hint: 'limit the overlay to other cells, or pass the options on the command line of the application',
    });
  const limitations = [
    ...limitationsOf(new Set(capabilities), heapSizes(settings).percentage),
    ...authorities.limitations,
    ...youngGeneration.limitations,
    ...(overlay.environment['NODE_USE_ENV_PROXY'] !== undefined && !capabilities.includes('proxy-variables')
      ? ['proxies of the environment are not used by Node.js itself: set them in the application']
      : []),
  ];
  const environment = new Map<string, string>([
    ...base.environment.map((line): [string, string] => [
      line.slice(0, line.indexOf('=')),
      line.slice(line.indexOf('=') + 1),
    ]),
    ['PATH', '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
    ['NODE_VERSION', release],
    ...(options.length > 0 ? [['NODE_OPTIONS', options.join(' ')] as [string, string]] : []),
    ...authorities.variables,
    // The bundle alone: with the folder beside it, Node.js would read every authority three times.
    ...(base.certificateBundle === undefined ? [] : [['SSL_CERT_FILE', base.certificateBundle] as [string, string]]),
    // node-gyp looks for headers here and asks no server.
    ...(variant.node.includes('headers') ? [['npm_config_nodedir', '/usr/local'] as [string, string]] : []),
    // For programs that look at the system store and for those that do not.
    ...(overlay.certificates.length > 0
      ? [['NODE_EXTRA_CA_CERTS', `/${imagePaths.extraCertificates}`] as [string, string]]
      : []),
    ...Object.entries(overlay.environment),
  ]);
  return {
    user: overlay.user ?? (variant.user === 'root' ? '0:0' : `${imageUser.uid}:${imageUser.gid}`),
    workingDirectory: `/${imagePaths.work}`,
    entrypoint: [...base.init, ...(base.hasShell && variant.node.includes('npm') ? [`/${imagePaths.entrypoint}`] : [])],
    command: ['node'],
    environment: [...environment].map(([name, value]) => `${name}=${value}`),
    labels: {
      ...(hardening.length > 0 ? { 'io.nodeworthy.hardening': hardening.join(' ') } : {}),
      ...Object.fromEntries(
        Object.entries(overlay.sources).map(([name, digest]) => [`io.nodeworthy.overlay.${name}`, digest]),
      ),
      ...endOfLifeLabel(release),
      ...(limitations.length > 0 ? { [limitationsLabel]: limitations.join('; ') } : {}),
      ...overlay.labels,
    },
    stopSignal: 'SIGTERM',
  };
}

/** Where the files of reports and snapshots go, as far as the release lets itself be told. */
function diagnosticOptions(capabilities: readonly Capability[]): string[] {
  if (capabilities.includes('diagnostic-dir')) return [`--diagnostic-dir=/${imagePaths.diagnostics}`];
  return capabilities.includes('report-directory') ? [`--report-directory=/${imagePaths.diagnostics}`] : [];
}

/** Sizes of the JavaScript heap: its share of the memory limit, and MiB per semi-space where that is set. */
export interface HeapSizes {
  readonly percentage: number;
  readonly semiSpaceMb?: number;
}

/** What the image gives to the JavaScript heap, as far as its release takes it. */
export function heapSizes({ overlay, capabilities }: Pick<ImageSettings, 'overlay' | 'capabilities'>): HeapSizes {
  const { heapPercentage, semiSpaceMb } = overlay;
  const isSized = semiSpaceMb !== undefined && capabilities.includes('semi-space-option');
  return { percentage: heapPercentage ?? defaultHeapPercentage, ...(isSized ? { semiSpaceMb } : {}) };
}

/** A size that the release does not take from NODE_OPTIONS is left out, and the image says so. */
function youngGenerationSettings({ overlay: { semiSpaceMb }, capabilities }: ImageSettings): {
  readonly options: readonly string[];
  readonly limitations: readonly string[];
} {
  if (semiSpaceMb === undefined) return { options: [], limitations: [] };
  const option = semiSpaceSetting(semiSpaceMb);
  return capabilities.includes('semi-space-option')
    ? { options: [option], limitations: [] }
    : { options: [], limitations: [`the young generation has its own size: pass ${option} on the command line`] };
}

/**
 * How Node.js comes to trust the system's authorities: beside its own where it can, in their place where it only knows
 * that. The own ones of such a release are years old.
 */
function authoritySettings(
  { capabilities }: Pick<ImageSettings, 'capabilities'>,
  base: BaseFacts,
): {
  readonly options: readonly string[];
  readonly variables: readonly (readonly [string, string])[];
  readonly limitations: readonly string[];
} {
  const nothing = { options: [], variables: [], limitations: [] };
  if (capabilities.includes('system-ca-variable')) return { ...nothing, variables: [['NODE_USE_SYSTEM_CA', '1']] };
  if (capabilities.includes('system-ca')) return { ...nothing, options: ['--use-system-ca'] };
  if (!capabilities.includes('openssl-ca')) return nothing;
  if (base.certificateBundle !== undefined) return { ...nothing, options: ['--use-openssl-ca'] };
  // Without a bundle this would leave no authority at all.
  return {
    ...nothing,
    limitations: [
      'the base has no authorities, and Node.js knows its own: where a bundle is added, set SSL_CERT_FILE and --use-openssl-ca',
    ],
  };
}

/** Whether Node.js was pointed at the authorities of the system. */
export function readsSystemStore(settings: Pick<ImageSettings, 'capabilities'>, base: BaseFacts): boolean {
  const { options, variables } = authoritySettings(settings, base);
  return options.length + variables.length > 0;
}

/** The day on which the makers of a line stop: whoever pulls an image later can see that it is over. */
function endOfLifeLabel(release: string): Record<string, string> {
  const line = lineOfRelease(release);
  return line ? { 'io.nodeworthy.end-of-life': line.end } : {};
}

/** Identity of the settings: a lock says for which ones its inputs were chosen. */
export function configurationDigest(release: string, settings: ImageSettings): Digest {
  const { variant, overlay } = settings;
  return digestOf(
    canonicalJson({
      assemblyVersion,
      compressorId: settings.compressorId,
      hardening: [settings.hardening, settings.sharedHardening],
      layers: settings.layers,
      variant: { ...variant, packages: Object.keys(variant.packages).sort() },
      overlay: { ...overlay, files: overlay.files.map(({ bytes, ...file }) => ({ ...file, digest: digestOf(bytes) })) },
      image: imageConfiguration(release, settings, debianFacts(settings)),
    }),
  );
}
