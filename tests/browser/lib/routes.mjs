// Every page of the web side by the path of its route, in the order in which a visit goes. A route that is missing here fails
// the matrix, and so does an entry without a route.
//
// An address for `{…}` is one that furnish.mjs made, else it is taken from the links of the pages before it. `to`: it leads
// on, by role or for all. `apart`: it has a test of its own, for this reason; here it is only seen to turn away who may not
// have it. `bare`: it is shown, but in no layout of ours: by a policy of its own. `file`: no page, but something to download
// or to read by a program, of this media type. `sample`: its links lead nowhere. `absent`: the demo, which is set up, has
// nothing there, and says so: journey.mjs and people.mjs come by when there is.

const signedIn = (path) => ({ member: path, helper: path, admin: path, owner: path });

export const PAGES = {
  '/sign-in': { to: signedIn('/') },
  '/': { to: { out: '/sign-in', half: '/mail', ...signedIn('/mail') } },
  '/_gallery': { sample: true },
  '/_gallery/public': { sample: true },
  '/_gallery/settings': { sample: true },
  '/_gallery/admin': { sample: true },
  '/_gallery/mail': { sample: true },
  '/_gallery/mail/2': { sample: true },
  '/_gallery/compose': { sample: true },
  '/sign-in/code': { to: signedIn('/') },
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
  '/settings/second-factor': { to: { half: '/sign-in/code' } },
  // Who has none has nothing to switch off, and who must have one may not.
  '/settings/second-factor/off': { to: { member: '/settings/sign-in', admin: '/settings/sign-in', owner: '/settings/sign-in' } },
  '/settings/recovery-codes': { to: { member: '/settings/second-factor' } },
  '/settings/apps': {},
  '/settings/apps/{id}/revoke': {},
  '/settings/sessions': {},
  '/settings/record': {},
  '/settings/look': {},
  '/settings/reading': {},
  '/mail': {},
  '/mail/{box}': {},
  '/mail/{box}/{uid}': {},
  '/mail/{box}/{uid}/body': { bare: true },
  '/mail/{box}/{uid}/seen': { apart: 'the mark of who reads without scripts: web_mail.rs' },
  '/mail/{box}/{uid}/print': {},
  '/mail/{box}/{uid}/headers': {},
  '/mail/{box}/{uid}/source': { file: /^text\/plain/ },
  '/mail/{box}/{uid}/source.eml': { file: /^message\/rfc822/ },
  '/mail/{box}/{uid}/part/{part}': { file: /^application\/octet-stream/ },
  '/mail/{box}/{uid}/part/{part}/preview': { bare: true },
  '/mail/{box}/empty': {},
  '/mail/search': {},
  '/mail/folders': {},
  '/mail/folders/{box}': {},
  '/mail/live': { apart: 'a stream of events: web_mail.rs' },
  '/mail/compose': {},
  '/mail/compose/{draft}': {},
  '/admin': { to: '/admin/people' },
  '/admin/people': {},
  '/admin/people/add': {},
  '/admin/people/{id}': {},
  '/admin/people/{id}/name': {},
  '/admin/people/{id}/role': {},
  '/admin/people/{id}/quota': {},
  '/admin/people/{id}/addresses': {},
  '/admin/people/{id}/suspend': {},
  '/admin/domains': {},
  '/admin/settings': {},
  '/admin/settings/{name}': {},
  '/admin/audit': {},
  '/source': {},
  '/source/mailstead.tar.gz': { file: /^application\/gzip/ },
  '/source/licence.txt': { file: /^text\/plain/ },
  '/source/libraries.txt': { file: /^text\/plain/ },
};

const variables = (route) => route.split('{').length - 1;

/** Whether a path is an address of a route, as axum writes routes: `{name}` is one part, `{*name}` the rest. */
function matches(route, path) {
  const pattern = route.replace(/[.]/g, '\\.').replace(/\{\*[^}]+\}/g, '.+').replace(/\{[^}]+\}/g, '[^/]+');
  return new RegExp(`^${pattern}$`).test(path);
}

/** The route that answers a link, of those given: a fixed part goes before a variable one, as in the router. */
export function routeOf(link, routes) {
  const found = routes.filter((route) => matches(route, link.split('?')[0]));
  return found.sort((a, b) => variables(a) - variables(b))[0];
}
