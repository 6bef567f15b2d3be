import { join } from 'node:path';
import type { Context } from '../../core/context.ts';
import { downloadFile } from '../../core/download.ts';
import { toRetryPolicy } from '../../core/retry.ts';
import { createHttpClient, type HttpClient } from '../../core/http.ts';
import type { LoadedRecipe } from '../../config/load-recipe.ts';
import type { SourcePorts } from '../../sources/source.ts';
import type { LayoutStore } from '../../store/layout/layout-store.ts';

/** What sources may use: clients that are closed together, and downloads that end in the store. */
export function createSourcePorts(
  store: LayoutStore,
  loaded: LoadedRecipe,
  context: Context,
): { ports: SourcePorts; close: () => Promise<void> } {
  const clients: HttpClient[] = [];
  const folder = join(store.stateFolder, 'downloads');
  const retry = loaded.recipe.retries && toRetryPolicy(loaded.recipe.retries);
  const ports: SourcePorts = {
    context,
    recipeFolder: loaded.folder,
    downloads: { folder, retry },
    openHttp(options = {}) {
      const client = createHttpClient(options);
      clients.push(client);
      return client;
    },
    async keep(request, http) {
      const { sha256, sizeBytes } = request.expected;
      if (sha256 !== undefined && sizeBytes !== undefined && (await store.hasBlob(sha256, sizeBytes)))
        return { digest: sha256, size: sizeBytes, sha512: '' };
      return await downloadFile(
        request,
        { http, folder, retry, report: context.report, signal: context.signal, now: context.verificationTime },
        async (file) => {
          await store.adoptFile(file.path, file.digest);
          return { digest: file.digest, size: file.sizeBytes, sha512: file.sha512 };
        },
      );
    },
  };
  return { ports, close: async () => void (await Promise.all(clients.map((client) => client.close()))) };
}
