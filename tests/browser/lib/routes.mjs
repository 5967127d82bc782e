// Every page of the web side by the path of its route, in the order in which a visit goes. A route that is missing here fails
// the matrix, and so does an entry without a route.
//
// An address for `{…}` is taken from the links of the pages before it. `to`: it leads on, by role or for all.
// `absent`: the demo, which is set up, has nothing there, and says so. `of`: the roles that have one of these.
// `file`: no page, but something to download or to read by a program, of this media type.

export const PAGES = {
  '/sign-in': { to: { member: '/', admin: '/', owner: '/' } },
  '/': { to: { out: '/sign-in', member: '/mail', admin: '/mail', owner: '/mail' } },
  '/sign-in/code': { to: { member: '/', admin: '/', owner: '/' } },
  '/welcome': {},
  '/welcome/{token}': { absent: true },
  '/setup': { absent: true },
  '/setup/{token}': { absent: true },
  '/setup/second-factor': { absent: true },
  '/setup/codes': { absent: true },
  '/setup/name': { absent: true },
  '/setup/domain': { absent: true },
  '/setup/certificate': { absent: true },
  '/setup/done': { absent: true },
  '/settings': { to: '/settings/sign-in' },
  '/settings/sign-in': {},
  '/settings/password': {},
  '/settings/second-factor': {},
  '/settings/second-factor/off': { to: '/settings/sign-in' },
  '/settings/recovery-codes': { to: { member: '/settings/second-factor' } },
  '/settings/apps': {},
  '/settings/apps/{id}/revoke': { of: ['admin', 'owner'] },
  '/settings/sessions': {},
  '/settings/look': {},
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
