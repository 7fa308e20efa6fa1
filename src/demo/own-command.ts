/** How to call this program again: a checkout has no `manifold` on the PATH, but npx finds it there. */
export const OWN_COMMAND = import.meta.url.endsWith('.ts') ? 'npx manifold' : 'manifold';
