// A native add-on is compiled without a network, against the headers in the image, and loaded.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const folder = mkdtempSync('/tmp/addon-');
writeFileSync(
  join(folder, 'package.json'),
  JSON.stringify({ name: 'addon', version: '1.0.0', gypfile: true, scripts: { install: 'node-gyp rebuild' } }),
);
writeFileSync(
  join(folder, 'package-lock.json'),
  JSON.stringify({
    name: 'addon',
    version: '1.0.0',
    lockfileVersion: 3,
    packages: { '': { name: 'addon', version: '1.0.0', hasInstallScript: true } },
  }),
);
writeFileSync(
  join(folder, 'binding.gyp'),
  JSON.stringify({ targets: [{ target_name: 'addon', sources: ['addon.cc'] }] }),
);
writeFileSync(
  join(folder, 'addon.cc'),
  `#include <node_api.h>
#include <string>
static napi_value Answer(napi_env env, napi_callback_info) {
  napi_value result;
  std::string text = std::to_string(42);
  napi_create_string_utf8(env, text.c_str(), text.size(), &result);
  return result;
}
NAPI_MODULE_INIT() {
  napi_value answer;
  napi_create_function(env, "answer", NAPI_AUTO_LENGTH, Answer, nullptr, &answer);
  return answer;
}
`,
);
execFileSync('npm', ['ci', '--offline', '--foreground-scripts', '--no-audit', '--no-fund'], {
  cwd: folder,
  stdio: ['ignore', 'inherit', 'inherit'],
});
assert.equal(createRequire(import.meta.url)(join(folder, 'build/Release/addon.node'))(), '42');
for (const [program, flag] of [
  ['git', '--version'],
  ['make', '--version'],
  ['python3', '--version'],
])
  assert.ok(execFileSync(program, [flag], { encoding: 'utf8' }).length > 0);
