// Rules about the project itself: the direction of imports, the truth of the guides, and what must not be in it.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedDocs, regenerate } from '../scripts/generate-docs.ts';
import { builderVersion } from '../src/pipeline-evidence.ts';
import { readAptEntries } from '../src/sources/debian/apt-configuration.ts';

const root = resolve(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const sources = files.filter((file) => /^src\/.*\.ts$/.test(file) && !file.endsWith('.test.ts'));

/** Parts of the code, the lowest first; imports point down, or stay inside of a part. */
const layers = [
  'src/core/',
  'src/formats/',
  'src/trust/',
  'src/gates/',
  'src/config/',
  'src/store/',
  'src/signers/',
  'src/evidence/',
  'src/authorship/',
  'src/trees/',
  'src/sources/',
  'src/engines/',
  'src/runtimes/',
  'src/stages/catalog/',
  'src/stages/plan/',
  'src/stages/resolve/',
  'src/stages/assemble/',
  'src/stages/obtain/',
  'src/stages/test/',
  'src/stages/attest/',
  'src/stages/scan/',
  'src/stages/gate/',
  'src/stages/certify/',
  'src/stages/approve/',
  'src/stages/verify/',
  'src/stages/publish/',
  'src/admission/',
  'src/cell-result.ts',
  'src/cell-log.ts',
  'src/pipeline-cells.ts',
  'src/pipeline-plan.ts',
  'src/pipeline-evidence.ts',
  'src/pipeline-resources.ts',
  'src/pipeline-probe.ts',
  'src/pipeline-review.ts',
  'src/pipeline.ts',
  'src/cli/',
];
const layerOf = (file: string): number => layers.findIndex((layer) => file.startsWith(layer));

/** Folder of a family's members, and the one file that may import them. */
const families = [
  {
    members: /^src\/sources\/(npm|nodejs-dist|debian|image)\//,
    table: 'src/sources/open-source.ts',
    shared: ['src/sources/debian/catalogue.ts', 'src/sources/debian/review-scripts.ts'],
  },
  { members: /^src\/runtimes\/(runc|docker|podman)\//, table: 'src/runtimes/open-runtime.ts', shared: [] },
  {
    members: /^src\/signers\/(local-key|command|http|keyless)\//,
    table: 'src/signers/open-signer.ts',
    // Whoever makes a key makes it in the form that is read here.
    shared: ['key-pair', 'key-file', 'passphrase'].map((name) => `src/signers/local-key/${name}.ts`),
  },
  // Whether something was taken back is asked without a policy as well.
  { members: /^src\/gates\/(members)\//, table: 'src/gates/all-gates.ts', shared: ['src/gates/members/revocation.ts'] },
  {
    members: /^src\/stages\/test\/kinds\/(dockerfile|structure|run|script|application)\//,
    table: 'src/stages/test/kinds/load-tests.ts',
    // Canaries are applications, and their dependencies are collected with all that tests leave.
    shared: [
      'src/stages/test/kinds/application/application-kind.ts',
      'src/stages/test/kinds/application/install-dependencies.ts',
    ],
  },
];

function importsOf(file: string): { from: string; to: string }[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map((match) => ({
    from: file,
    to: relative(root, resolve(root, dirname(file), String(match[1]))),
  }));
}

describe('architecture', () => {
  const imports = sources.flatMap(importsOf);

  it('has imports to check, and knows the layer of each file', () => {
    expect(imports.length).toBeGreaterThan(200);
    expect(sources.filter((file) => layerOf(file) < 0)).toEqual([]);
  });

  it('has imports that point down only', () => {
    expect(
      imports.filter(({ from, to }) => layerOf(to) > layerOf(from)).map(({ from, to }) => `${from} → ${to}`),
    ).toEqual([]);
  });

  it('lets only the table of a family import its members', () => {
    for (const { members, table, shared } of families) {
      const wrong = imports.filter(
        ({ from, to }) =>
          members.test(to) &&
          from !== table &&
          !shared.includes(to) &&
          members.exec(from)?.[1] !== members.exec(to)?.[1],
      );
      expect(wrong.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
    }
  });

  it('keeps decisions pure: no file system, process, clock or chance', () => {
    const pure = sources.filter(
      (file) =>
        /^src\/(formats|gates|trust|stages\/plan|stages\/assemble\/rules)\//.test(file) ||
        /(?:os-layer|node-layer|configuration-layer|image-tree|image-documents|closure|plan-tags|revision)\.ts$/.test(
          file,
        ),
    );
    expect(pure.length).toBeGreaterThan(30);
    for (const file of pure)
      expect(readFileSync(join(root, file), 'utf8'), file).not.toMatch(
        /node:fs|node:child_process|node:net|Date\.now|new Date\(\)|Math\.random|process\./,
      );
  });

  it('holds one idea per file', () => {
    const long = sources.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 350);
    expect(long.filter((file) => file !== 'src/runtimes/runc/seccomp.ts')).toEqual([]);
  });
});

describe('guides', () => {
  it.each(generatedDocs)('%s says what the code says (npm run docs)', (path) => {
    const text = readFileSync(join(root, path), 'utf8');
    expect(text).toMatch(/<!-- generated: /);
    expect(regenerate(text)).toBe(text);
  });

  it('link to files that exist, and name commands that exist', () => {
    const pages = files.filter((file) => file.endsWith('.md'));
    expect(pages.length).toBeGreaterThan(6);
    for (const page of pages) {
      const text = readFileSync(join(root, page), 'utf8');
      for (const [, target] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g))
        expect(existsSync(resolve(root, dirname(page), String(target))), `${page}: ${target}`).toBe(true);
      for (const [, path] of text.matchAll(/`(src\/[\w./-]+)`/g))
        expect(existsSync(join(root, String(path))), `${page}: ${path}`).toBe(true);
    }
  });

  it('list each dependency', () => {
    const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    for (const name of Object.keys(dependencies)) expect(page).toContain(`| \`${name}\` |`);
  });
});

describe('the repository', () => {
  it('says the same version of itself in provenance as in the package', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(builderVersion).toBe(version);
  });

  it('names no host of a package registry or mirror that this machine is configured for', async () => {
    const registry = execFileSync('npm', ['config', 'get', 'registry'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    const hosts = new Set(
      [registry, ...(await readAptEntries('/etc/apt')).flatMap((entry) => entry.uris)].flatMap((uri) =>
        URL.canParse(uri) ? new URL(uri).host : [],
      ),
    );
    expect(hosts.size).toBeGreaterThan(1);
    for (const file of files) {
      const text = readFileSync(join(root, file), 'latin1');
      for (const host of hosts) expect(text.includes(host), `${file} names ${host}`).toBe(false);
    }
  });

  it('holds no large file, no test that is left out, and no path of a machine', () => {
    for (const file of files) {
      const text = readFileSync(join(root, file), 'latin1');
      expect(text.length, file).toBeLessThan(1 << 20);
      if (file.endsWith('.ts')) expect(text, file).not.toMatch(/\b(?:it|test|describe)\.(?:skip|todo|only)\b/);
      expect(text.includes(`${dirname(root)}/`) && dirname(root) !== '/' && dirname(root) !== '/tmp', file).toBe(false);
    }
  });
});
