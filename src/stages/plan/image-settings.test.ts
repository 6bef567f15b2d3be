import { expect, it } from 'vitest';
import { plainSettings } from '../../../tests/support/plain-settings.ts';
import { debianFacts, imageConfiguration, limitationsLabel, type ImageSettings } from './image-settings.ts';
import { mergeOverlays } from './merge-overlays.ts';

function configure(release: string, overlay: Partial<ImageSettings['overlay']>) {
  const settings = plainSettings(release, { ...mergeOverlays([], 'x'), ...overlay });
  const { environment, labels } = imageConfiguration(release, settings, debianFacts(settings));
  const options = environment.find((line) => line.startsWith('NODE_OPTIONS='))?.slice(13) ?? '';
  return { options: options.split(' '), limitations: labels[limitationsLabel] ?? '' };
}

it('sizes the young generation where NODE_OPTIONS may, and says where it may not', () => {
  const option = '--max-semi-space-size=8';
  expect(configure('24.21.0', { semiSpaceMb: 8 })).toMatchObject({ options: expect.arrayContaining([option]) });
  expect(configure('24.21.0', { semiSpaceMb: 8 }).limitations).toBe('');
  for (const release of ['18.12.1', '12.22.12', '4.9.1']) {
    const old = configure(release, { semiSpaceMb: 8 });
    expect(old.options).not.toContain(option);
    expect(old.limitations).toContain(`pass ${option} on the command line`);
  }
  expect(configure('12.22.12', {}).limitations).not.toContain('young generation');
});

it('writes an option once that an overlay names in two ways', () => {
  const { options } = configure('24.21.0', { semiSpaceMb: 8, nodeOptions: ['--max-semi-space-size=8'] });
  expect(options.filter((option) => option.startsWith('--max-semi'))).toHaveLength(1);
});

it('refuses options of an overlay for a release that reads none', () => {
  for (const overlay of [{ nodeOptions: ['--trace-gc'] }, { environment: { NODE_OPTIONS: '--trace-gc' } }])
    expect(() => configure('4.9.1', overlay)).toThrow(
      expect.objectContaining({ code: 'RECIPE_INVALID', message: expect.stringContaining('4.9.1 does not read') }),
    );
});

it('says what of an overlay the release cannot follow', () => {
  expect(configure('20.20.2', { heapPercentage: 50 }).limitations).toContain('about 50 % of it');
  const proxies = { environment: { NODE_USE_ENV_PROXY: '1' } };
  expect(configure('20.20.2', proxies).limitations).toContain('proxies of the environment are not used');
  expect(configure('24.21.0', proxies).limitations).toBe('');
});
