/** What Python compiles beside its sources: never the same bytes twice, and made again when it is needed. */
export const compiledCache = /(?:^|\/)__pycache__(?:\/|$)|\.py[co]$/;

const workingFiles = /(?:^|\/)(?:\.DS_Store|\.nyc_output|\.cache|\.eslintcache|npm-debug\.log|\.[^/]+\.sw[op])(?:\/|$)/;

/** Whether a file of a vendor's tree is what a tool left behind while the tree was made: no image needs it. */
export function isVendorCache(path: string): boolean {
  return compiledCache.test(path) || workingFiles.test(path);
}
