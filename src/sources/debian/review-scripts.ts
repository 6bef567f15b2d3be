import { Failure } from '../../core/errors.ts';
import type { ControlFiles } from '../../formats/deb/read-deb.ts';
import { packageCatalogue, runningControlFiles, watchedVerbs, type CatalogueEntry } from './catalogue.ts';

/**
 * Makes sure that skipping a package's scripts leaves nothing out: each script is in the catalogue, and each command
 * in it that would change the image is explained there.
 * @throws Failure PACKAGE_UNREVIEWED names the package, the script and the command.
 */
export function reviewScripts(
  name: string,
  version: string,
  control: ControlFiles,
  catalogue: Readonly<Record<string, CatalogueEntry>> = packageCatalogue,
): void {
  const entry = catalogue[name];
  const known = new Set(entry?.scripts ?? []);
  const explained = new Set(entry?.effects.map((effect) => effect.verb) ?? []);
  for (const script of runningControlFiles) {
    const text = control.get(script);
    if (text === undefined || isEmptyScript(text)) continue;
    if (script === 'triggers' && asksForLdconfigOnly(text)) continue;
    if (!known.has(script)) throw unreviewed(`${name} ${version} has a ${script} that nobody reviewed`);
    for (const verb of verbsIn(text)) {
      if (!explained.has(verb))
        throw unreviewed(`${name} ${version}: its ${script} uses ${verb}, which the catalogue does not explain`);
    }
  }
}

/** Watched commands in a script, outside of comments. */
export function verbsIn(script: string): string[] {
  const code = script
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .join('\n');
  return watchedVerbs.filter((verb) => {
    if (verb === 'cat >') return /\bcat\s+>/.test(code);
    const word = verb.replaceAll(/[.+]/g, '\\$&');
    return new RegExp(`(?:^|[\\s;&|(\`])(?:\\S*/)?${word}(?=$|[\\s;&|)\`])`, 'm').test(code);
  });
}

/** What every package with a library asks for; rule ld-so-cache does it. */
function asksForLdconfigOnly(text: string): boolean {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return lines.every((line) => /^\s*activate(?:-noawait|-await)?\s+ldconfig\s*$/.test(line));
}

function isEmptyScript(text: string): boolean {
  return text.split('\n').every((line) => line.trim() === '' || line.startsWith('#'));
}

function unreviewed(message: string): Failure {
  return new Failure('PACKAGE_UNREVIEWED', message, {
    hint: 'read the script, see that a rule of assembly does what it would do, and add it to src/sources/debian/catalogue.ts; or leave the package out',
  });
}
