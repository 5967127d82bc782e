// Every page of the web side by the path of its route, in the order in which a visit goes. A route that is missing here fails
// the matrix, and so does an entry without a route.
//
// An address for `{…}` is taken from the links of the pages before it. `to`: it leads on, by role or for all.
// `file`: no page, but something to download or to read by a program.

export const PAGES = {
  '/sign-in': { to: { member: '/', admin: '/', owner: '/' } },
  '/': { to: { out: '/sign-in', member: '/mail', admin: '/mail', owner: '/mail' } },
  '/source': {},
  '/source/mailstead.tar.gz': { file: /^application\/gzip/ },
  '/source/licence.txt': { file: /^text\/plain/ },
  '/source/libraries.txt': { file: /^text\/plain/ },
};

/** What each access lets in, as the router names it. */
const LETS_IN = {
  public: ['out', 'member', 'admin', 'owner'],
  half: ['member', 'admin', 'owner'],
  member: ['member', 'admin', 'owner'],
  admin: ['admin', 'owner'],
  owner: ['owner'],
};

export const maySee = (access, role) => LETS_IN[access].includes(role);

/** Whether a path is an address of a route. */
export function matches(route, path) {
  const pattern = route.replace(/[.]/g, '\\.').replace(/\{\*[^}]+\}/g, '.+').replace(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(path);
}
