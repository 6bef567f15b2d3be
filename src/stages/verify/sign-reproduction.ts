import type { Context } from '../../core/context.ts';
import type { Signing } from '../../evidence/signing.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import type { Store } from '../../store/store.ts';
import { signPlanned } from '../attest/attest-cell.ts';
import type { Rebuilt } from './rebuild.ts';

/** Signs what a second build gave; one that gave other bytes, with the key for failures. */
export async function signReproduction(
  store: Store,
  subject: Descriptor,
  { rebuilt, name, signing }: { readonly rebuilt: Rebuilt; readonly name: string; readonly signing: Signing },
  context: Context,
): Promise<void> {
  const isSame = rebuilt.difference === undefined;
  const predicate = {
    result: isSame ? 'PASSED' : 'FAILED',
    digest: rebuilt.rebuilt,
    rebuiltOn: context.verificationTime.toISOString(),
    builder: signing.builder,
    ...(rebuilt.difference === undefined ? {} : { difference: rebuilt.difference }),
  };
  const basis = { digest: rebuilt.rebuilt, builder: signing.builder };
  await signPlanned(
    store,
    [{ subject, kind: 'reproduction', basis, predicate: () => predicate, isFailure: !isSame }],
    { name, signing },
    context,
  );
}
