import type { BrokenImage } from './break-image.ts';
import { brokenNode } from './broken-node.ts';
import { brokenStart } from './broken-start.ts';
import { brokenSystem } from './broken-system.ts';

/** Each check of the battery, and an image that is broken on purpose for it. */
export const brokenImages: readonly BrokenImage[] = [...brokenNode, ...brokenSystem, ...brokenStart];
