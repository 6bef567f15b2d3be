import { capabilitiesOf } from '../../src/stages/catalog/capabilities.ts';
import type { ImageSettings } from '../../src/stages/plan/image-settings.ts';
import { variantNamed } from '../../src/stages/plan/variants.ts';

/** Settings of a runtime image about which nothing is special but its release and its overlay. */
export function plainSettings(release: string, overlay: ImageSettings['overlay']): ImageSettings {
  return {
    variant: variantNamed('runtime'),
    hardening: [],
    sharedHardening: [],
    layers: 'shared',
    compressorId: '',
    capabilities: [...capabilitiesOf(release)],
    overlay,
  };
}
