import { posix } from 'node:path';
import { expandText, expandWord, type Lookup } from '../../../../formats/dockerfile/expand-words.ts';
import type { TestInstruction } from '../../../../formats/dockerfile/parse-test-dockerfile.ts';
import type { ImageConfig } from '../../../../formats/oci/descriptor.ts';
import { imageEnv } from '../../../../formats/oci/image-env.ts';

/** What instructions without a layer set for those that follow. */
export interface BuildState {
  readonly env: Readonly<Record<string, string>>;
  /** Variables of ENV and of the image, and of ARG where ENV has none. */
  readonly args: Readonly<Record<string, string>>;
  readonly user: string;
  readonly workingDirectory: string;
  readonly shell: readonly string[];
}

export interface BuildArguments {
  /** Values that somebody gave. */
  readonly given: Readonly<Record<string, string>>;
  readonly platform: string;
}

export function startState(image: ImageConfig): BuildState {
  const { config } = image;
  return {
    env: imageEnv(image),
    args: {},
    user: config?.User ?? '',
    workingDirectory: config?.WorkingDir || '/',
    shell: ['/bin/sh', '-c'],
  };
}

export function lookupIn({ env, args }: BuildState): Lookup {
  return (name) => (Object.hasOwn(env, name) ? env[name] : Object.hasOwn(args, name) ? args[name] : undefined);
}

export function expanders(state: BuildState, escape: string) {
  const lookup = lookupIn(state);
  return {
    word: (word: string): string => expandWord(word, { escape, lookup }),
    document: (text: string): string => expandText(text, { escape, lookup }),
  };
}

/** The state after an instruction; those that make a layer leave it as it is. */
export function nextState(
  state: BuildState,
  instruction: TestInstruction,
  { escape, given, platform }: BuildArguments & { readonly escape: string },
): BuildState {
  const { word } = expanders(state, escape);
  switch (instruction.kind) {
    case 'env':
      // Each value sees what was set before this instruction, not what stands beside it.
      return {
        ...state,
        env: { ...state.env, ...Object.fromEntries(instruction.pairs.map(([name, value]) => [name, word(value)])) },
      };
    case 'arg': {
      let next = state;
      for (const [name, fallback] of instruction.pairs) {
        const known = given[name] ?? platformArgument(name, platform);
        const value = known ?? (fallback === undefined ? undefined : expanders(next, escape).word(fallback));
        if (value !== undefined) next = { ...next, args: { ...next.args, [name]: value } };
      }
      return next;
    }
    case 'user':
      return { ...state, user: word(instruction.value) };
    case 'workdir':
      return { ...state, workingDirectory: posix.resolve(state.workingDirectory, word(instruction.value)) };
    case 'shell':
      return { ...state, shell: instruction.args };
    case 'label':
      for (const pair of instruction.pairs) pair.map(word);
      return state;
    case 'expose':
    case 'volume':
      instruction.values.map(word);
      return state;
    case 'stopsignal':
      word(instruction.value);
      return state;
    case 'copy':
    case 'run':
    case 'cmd':
    case 'entrypoint':
    case 'noted':
      return state;
  }
}

/** Arguments that builders know without being told (Dockerfile reference, "Automatic platform ARGs"). */
function platformArgument(name: string, platform: string): string | undefined {
  const [os = '', architecture = '', variant = ''] = platform.split('/');
  const values: Readonly<Record<string, string>> = { PLATFORM: platform, OS: os, ARCH: architecture, VARIANT: variant };
  const match = /^(?:TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT)$/.exec(name);
  return match ? values[String(match[1])] : undefined;
}
