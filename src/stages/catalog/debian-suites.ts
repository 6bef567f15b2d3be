import { Failure } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';

export interface DebianSuite {
  readonly codename: string;
  readonly version: string;
  /** End of long-term support, ISO day. Source: distro-info-data, `debian.csv`. */
  readonly endOfLife: string;
  /** Endings of its archives: the suite itself, updates, security. */
  readonly pockets: readonly string[];
  /** Still changing every day: nothing built on it is more than an experiment. */
  readonly isExperimental?: boolean;
}

const released = ['', '-updates', '-security'] as const;

/** A suite is data: a new Debian is a new row. */
export const debianSuites: readonly DebianSuite[] = [
  { codename: 'bookworm', version: '12', endOfLife: '2028-06-30', pockets: released },
  { codename: 'trixie', version: '13', endOfLife: '2030-06-30', pockets: released },
  { codename: 'forky', version: '14', endOfLife: '2032-06-30', pockets: released, isExperimental: true },
  { codename: 'sid', version: 'unstable', endOfLife: '9999-12-31', pockets: [''], isExperimental: true },
];

export function findSuite(codename: string, base: string): DebianSuite {
  const found = debianSuites.find((suite) => suite.codename === codename);
  if (found) return found;
  const known = debianSuites.map((suite) => suite.codename);
  const near = suggest(codename, known);
  throw new Failure(
    'SELECTION_EMPTY',
    `bases.${base}: there is no supported Debian suite ${JSON.stringify(codename)}`,
    {
      hint: near ? `did you mean ${near}?` : `supported: ${known.join(', ')}`,
    },
  );
}
