import { Failure } from '../../core/errors.ts';
import { suggest } from '../../core/suggest.ts';
import { clusterPolicy, policyKinds } from '../../admission/cluster-policies.ts';
import { trustOf } from '../../evidence/signing.ts';
import { chooseEnvironment } from '../../config/choose-environment.ts';
import { environmentOption } from '../cell-options.ts';
import { defineCommand, recipeOptions } from '../command.ts';
import { openWorkspace } from '../workspace.ts';

export const policies = defineCommand<{ readonly kind: string; readonly text: string }>({
  name: 'policies',
  summary: 'Write who is believed and what is asked, for whoever verifies: a trust file, or a policy for a cluster',
  options: {
    recipe: recipeOptions.recipe,
    ...environmentOption,
    for: { type: 'string', summary: policyKinds.join(', '), value: 'KIND' },
    service: { type: 'string', summary: 'For webhook: the service that answers', value: 'NAMESPACE/NAME' },
  },
  async run(input) {
    const { options, context } = input;
    const wanted = String(options['for'] ?? 'nodeworthy');
    const kind = policyKinds.find((name) => name === wanted);
    if (!kind) {
      const near = suggest(wanted, policyKinds);
      throw new Failure('USAGE', `policies: there is no kind ${JSON.stringify(wanted)}`, {
        hint: near ? `did you mean ${near}?` : policyKinds.join(', '),
      });
    }
    const { loaded } = await openWorkspace(input);
    const { recipe } = loaded;
    const repositories = recipe.publish.map(({ repository }) => repository);
    if (repositories.length === 0 && kind !== 'nodeworthy' && kind !== 'webhook')
      throw new Failure('USAGE', 'policies: the recipe publishes to no registry', {
        hint: 'a policy for a cluster is about a repository: name one under publish',
      });
    const environment = chooseEnvironment(loaded, options['environment'] as string | undefined);
    const [namespace = 'nodeworthy', name = 'admission'] = String(options['service'] ?? 'nodeworthy/admission').split(
      '/',
    );
    if (environment.config.custom.length > 0 && kind === 'nodeworthy')
      context.report({
        kind: 'notice',
        text: `gates of your own are not in a trust file: ${environment.config.custom.map(({ module }) => module).join(', ')}`,
      });
    const isOwn = recipe.environments[environment.name] !== undefined;
    const text = clusterPolicy(kind, {
      name: recipe.name,
      repositories,
      environment: environment.name,
      trust: await trustOf(loaded),
      now: context.now,
      settings: isOwn ? { ...environment.config, custom: [] } : undefined,
      service: { name, namespace },
    });
    return { kind, text };
  },
  pretty: ({ text }) => text.trimEnd(),
  json: (result) => result,
});
