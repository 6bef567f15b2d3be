import { Failure } from '../../core/errors.ts';

/** A request that did not get through is the registry's failure, whatever was asked of it. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(
      error.code === 'SOURCE_UNREACHABLE' ? 'REGISTRY_UNREACHABLE' : 'REGISTRY_INVALID',
      `registry ${error.message}`,
      { hint: error.hint, cause: error },
    );
  }
}
