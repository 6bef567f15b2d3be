/**
 * SPDX identifiers that images of Node.js on Debian meet, and Debian's short names for them (copyright format 1.0,
 * "License specification"). A name that is in neither is kept as a name: nothing is guessed.
 */
const spdxNames = new Set(
  (
    '0BSD AFL-2.1 Apache-2.0 Artistic-1.0 Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-3-Clause ' +
    'BSD-4-Clause BSD-4-Clause-UC BSL-1.0 CC-BY-3.0 CC-BY-4.0 CC0-1.0 curl GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3-only ' +
    'GFDL-1.3-or-later GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later ISC ' +
    'LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MIT MIT-0 MPL-1.1 ' +
    'MPL-2.0 OpenSSL PSF-2.0 Python-2.0 Unicode-3.0 Unlicense WTFPL X11 Zlib'
  ).split(' '),
);

/** Identifiers are compared without regard to case (SPDX 2.3, annex D.2). */
const byLowerCase = new Map([...spdxNames].map((name) => [name.toLowerCase(), name]));

const debianNames: Readonly<Record<string, string>> = {
  expat: 'MIT',
  'mit/x11': 'MIT',
  'bsd-3-clause-uc': 'BSD-3-Clause',
  zlib: 'Zlib',
  artistic: 'Artistic-1.0',
  'artistic-2': 'Artistic-2.0',
  'apache-2': 'Apache-2.0',
  'mpl-2': 'MPL-2.0',
  cc0: 'CC0-1.0',
};

/** The SPDX identifier of a licence's short name, or the name itself. */
export function licenseName(name: string): string {
  const plain = name.trim();
  const exact = byLowerCase.get(plain.toLowerCase());
  if (exact !== undefined) return exact;
  const known = debianNames[plain.toLowerCase()];
  if (known !== undefined) return known;
  const gnu = /^(GPL|LGPL|GFDL)-(\d)(?:\.(\d))?(\+)?$/.exec(plain);
  if (gnu) {
    const id = `${gnu[1]}-${gnu[2]}.${gnu[3] ?? '0'}-${gnu[4] ? 'or-later' : 'only'}`;
    if (spdxNames.has(id)) return id;
  }
  return plain;
}

/** All of them hold together; undefined when one has no SPDX identifier. */
export function spdxExpression(licenses: readonly string[]): string | undefined {
  if (licenses.length === 0 || !licenses.every((name) => spdxNames.has(name))) return undefined;
  return licenses.join(' AND ');
}

/**
 * Names under `License:` in a machine-readable copyright file (DEP-5), each once and sorted; none for a file in
 * another form. `or`, `and` and exceptions are parted: a list of all that may matter.
 */
export function debianLicenses(copyright: string): string[] {
  if (!/^Format:/m.test(copyright)) return [];
  const found = new Set<string>();
  for (const [, line = ''] of copyright.matchAll(/^License:[ \t]*(\S.*)$/gm))
    for (const name of line.split(/\s+(?:and|or|and\/or)\s+|\s*,\s*|\s+with\s+.*$/i))
      if (name.trim() !== '') found.add(licenseName(name));
  return [...found].sort();
}
