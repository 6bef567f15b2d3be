import { accounts } from './accounts.ts';
import { caBundle } from './ca-bundle.ts';
import { ldSoCache } from './ld-so-cache.ts';
import { packageDatabase } from './package-database.ts';
import type { Rule } from './rule.ts';
import { skeleton } from './skeleton.ts';
import { timeZone } from './time-zone.ts';

/** In the order they are applied: later rules read what earlier ones wrote. */
export const allRules: readonly Rule[] = [skeleton, accounts, timeZone, caBundle, ldSoCache, packageDatabase];
