// Types, lint, format and dead code: what must stay green besides the tests.
import { ensureDependencies, run } from './setup.mjs';

await ensureDependencies();
run('tsc', ['-p', '.']);
run('oxlint', ['--type-aware', '--deny-warnings', 'src', 'tests', 'scripts', 'bin']);
run('oxfmt', ['--check', 'src', 'tests', 'scripts', 'bin']);
run('knip', []);
