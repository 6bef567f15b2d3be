import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { digestOf } from '../../core/digest.ts';
import { Failure } from '../../core/errors.ts';
import { parseJson } from '../../core/json.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { Descriptor } from '../../formats/oci/descriptor.ts';
import { OpenVexSchema, type OpenVex } from '../../formats/vulnerabilities/openvex.ts';
import type { PlannedStatement } from '../attest/attest-cell.ts';

/** The recipe's OpenVEX documents. @throws Failure FEED_INVALID for a file that is none */
export function readVex({ recipe, folder }: Pick<LoadedRecipe, 'recipe' | 'folder'>): OpenVex[] {
  return recipe.vex.map((file) => {
    const path = resolve(folder, file);
    try {
      return OpenVexSchema.parse(parseJson(readFileSync(path, 'utf8')));
    } catch (error) {
      throw new Failure('FEED_INVALID', `${path} is no OpenVEX document`, {
        hint: 'it needs @context, @id, author, timestamp, version and statements, as OpenVEX 0.2.0 says',
        cause: error,
      });
    }
  });
}

/** The documents as statements on each subject, signed like everything else. */
export function vexStatements(documents: readonly OpenVex[], subjects: readonly Descriptor[]): PlannedStatement[] {
  return subjects.flatMap((subject) =>
    documents.map((document) => ({
      subject,
      kind: 'vex' as const,
      basis: digestOf(JSON.stringify(document)),
      predicate: () => document,
    })),
  );
}
