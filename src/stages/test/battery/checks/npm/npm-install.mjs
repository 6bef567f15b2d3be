// A package of this machine with an install script, a dependency and a command: what npm does with it, without a network.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

const folder = mkdtempSync('/tmp/npm-');
const write = (path, value) => {
  mkdirSync(dirname(`${folder}/${path}`), { recursive: true });
  writeFileSync(`${folder}/${path}`, typeof value === 'string' ? value : JSON.stringify(value), { mode: 0o755 });
};
write('package/package.json', {
  name: 'thing',
  version: '1.2.3',
  bin: { thing: 'cli.js' },
  main: 'cli.js',
  scripts: { install: 'node install.js' },
});
write('package/install.js', 'require("fs").writeFileSync("installed", "yes")');
write(
  'package/cli.js',
  '#!/usr/bin/env node\nmodule.exports = 42; if (require.main === module) console.log("ran", process.argv.slice(2).join())',
);
const run = (program, args, cwd) =>
  execFileSync(program, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      npm_config_cache: `${folder}/cache`,
      npm_config_offline: 'true',
      npm_config_fund: 'false',
      npm_config_audit: 'false',
      npm_config_update_notifier: 'false',
    },
  });
const [tarball] = JSON.parse(run('npm', ['pack', '--json'], `${folder}/package`));
for (const scripts of [true, false]) {
  const app = `${folder}/app-${scripts}`;
  write(`app-${scripts}/package.json`, { name: 'app', version: '1.0.0', private: true });
  run(
    'npm',
    [
      'install',
      '--foreground-scripts',
      ...(scripts ? [] : ['--ignore-scripts']),
      `${folder}/package/${tarball.filename}`,
    ],
    app,
  );
  assert.equal(createRequire(`${app}/x.js`)('thing'), 42);
  const ran = existsSync(`${app}/node_modules/thing/installed`);
  // From npm 12 on, scripts run only for packages that are allowed.
  if (scripts && Number(run('npm', ['--version'], app).split('.')[0]) < 12)
    assert.ok(ran, 'the install script did not run');
  if (!scripts) assert.ok(!ran, '--ignore-scripts was not honoured');
  assert.equal(run('npx', ['--no', 'thing', 'a b'], app).trim(), 'ran a b', 'npx does not run a command of a package');
}
rmSync(folder, { recursive: true });
