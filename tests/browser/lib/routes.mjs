// Every page of the web side by the path of its route, in the order in which a visit goes. A route that is missing here fails
// the matrix, and so does an entry without a route.
//
// An address for `{…}` is taken from the links of the pages before it. `to`: it leads on, by role or for all.
// `file`: no page, but something to download or to read by a program, of this media type.

export const PAGES = {
  '/sign-in': { to: { member: '/', admin: '/', owner: '/' } },
  '/': { to: { out: '/sign-in', member: '/mail', admin: '/mail', owner: '/mail' } },
  '/source': {},
  '/source/mailstead.tar.gz': { file: /^application\/gzip/ },
  '/source/licence.txt': { file: /^text\/plain/ },
  '/source/libraries.txt': { file: /^text\/plain/ },
};

/** Whether a path is an address of a route, as axum writes routes: `{name}` is one part, `{*name}` the rest. */
export function matches(route, path) {
  const pattern = route.replace(/[.]/g, '\\.').replace(/\{\*[^}]+\}/g, '.+').replace(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(path);
}
