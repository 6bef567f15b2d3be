import { TestResultSchema } from '../../formats/attestation/predicate-shapes.ts';
import { hexOf } from '../../core/digest.ts';
import {
  allow,
  defineGate,
  deny,
  missing,
  RequiredConfig,
  readPredicate,
  statementsOf,
  type Answer,
  type GateInput,
  type PlatformInput,
} from '../gate.ts';

export const testsGate = defineGate({
  name: 'tests',
  summary: 'Each platform passed each suite, whole, on exactly its digest, and nothing was flaky',
  reason: 'An image that is published without having been run is a guess.',
  Config: RequiredConfig,
  evaluate({ image, platforms }: GateInput) {
    const untested = image.declaredPlatforms.filter((name) => !platforms.some(({ platform }) => platform === name));
    return [
      ...untested.map((name) =>
        deny(`${image.cell}: the index has no ${name}`, 'build the cell again, with all of its platforms'),
      ),
      ...platforms.flatMap(judgePlatform),
    ];
  },
});

function judgePlatform(target: PlatformInput): Answer[] {
  const { platform, suites, evidence } = target;
  const fix = 'run `nodeworthy test`, and look at what failed';
  if (suites.length === 0) return [deny(`${platform}: no suite is required`, 'the built-in battery has to be there')];
  return suites.map((suite) => {
    // Of another definition it proves nothing, whatever its name is.
    const about = evidence.statements.flatMap((statement) => {
      if (statement.kind !== 'tests') return [];
      const result = readPredicate(statement, TestResultSchema);
      const isSame = result?.configuration.some(
        ({ name, digest }) => name === suite.id && digest.sha256 === hexOf(suite.digest),
      );
      return result && isSame && result.nodeworthy_platform === platform ? [{ statement, result }] : [];
    });
    const newest = about.sort((a, b) => (a.result.nodeworthy_finishedOn < b.result.nodeworthy_finishedOn ? 1 : -1))[0];
    if (!newest) {
      const others = statementsOf(evidence, 'tests').length > 0 ? ' of this definition and platform' : '';
      return deny(`${platform}: ${missing(`result of ${suite.id}${others}`, 'tests', evidence)}`, fix);
    }
    const { result, statement } = newest;
    if (result.result !== 'PASSED' || statement.isFailure) {
      const names = [...result.failedTests, ...result.warnedTests].slice(0, 5).join(', ');
      const how = result.result === 'WARNED' ? 'was flaky' : 'failed';
      return deny(`${platform}: ${suite.id} ${how}: ${names}`, fix, [statement]);
    }
    if (result.passedTests.length === 0 || result.failedTests.length > 0 || result.warnedTests.length > 0)
      return deny(`${platform}: ${suite.id} says that it passed, and its lists say otherwise`, fix, [statement]);
    const left = result.nodeworthy_notApplicable.length;
    const rest = left > 0 ? `, ${left} do not apply` : '';
    return allow(`${platform}: ${suite.id} passed with ${result.passedTests.length} tests${rest}`, [statement]);
  });
}
