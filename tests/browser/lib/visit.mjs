// A walk through all pages in one role: which it may see, and at which address.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { furnish } from './furnish.mjs';
import { member } from './place.mjs';
import { PAGES, routeOf } from './routes.mjs';
import { enterPassword, signIn } from './sign_in.mjs';

/** The router's own table, of what answers to GET. */
export const ROUTES = JSON.parse(readFileSync(process.env.MAILSTEAD_ROUTES, 'utf8')).filter(({ methods }) => /\bGET\b/.test(methods));

const PATHS = ROUTES.map(({ path }) => path);

/** Roles and the members of the demo who have them; `half` has given the password, and no code yet. */
export const ROLES = { out: null, half: 'bruno', member: 'greta', helper: 'carla', admin: 'bruno', owner: 'ada' };

const SIGNED_IN = ['member', 'helper', 'admin', 'owner'];

/** What each access lets in, as the router names it. */
const LETS_IN = {
  public: ['out', 'half', ...SIGNED_IN],
  half: ['half', ...SIGNED_IN],
  member: SIGNED_IN,
  admin: ['admin', 'owner'],
  owner: ['owner'],
};

export class Visit {
  /** Addresses that pages so far have led to. */
  links = new Set();

  constructor(role, page) {
    Object.assign(this, { role, page });
  }

  /** Who is signed in. */
  get who() {
    return ROLES[this.role] && member(ROLES[this.role]);
  }

  /** Signs in, where the role is somebody's, and makes what the demo lacks. */
  async begin() {
    if (this.role === 'half') await enterPassword(this.page, this.who);
    else if (this.who) {
      await signIn(this.page, this.who);
      await furnish(this);
    }
  }

  /** The routes in the order of the table. */
  routes = () => Object.keys(PAGES).flatMap((path) => ROUTES.filter((route) => route.path === path));

  /** What becomes of the role at a route: `turned away`, `apart`, `bare`, `absent`, `led on`, `file` or `page`. */
  fate({ path, access }) {
    if (!LETS_IN[access].includes(this.role)) return 'turned away';
    if (PAGES[path].apart) return 'apart';
    if (PAGES[path].bare) return 'bare';
    if (PAGES[path].absent) return 'absent';
    if (this.target(path)) return 'led on';
    return PAGES[path].file ? 'file' : 'page';
  }

  /** Where the role is led on to. */
  target(path) {
    const { to } = PAGES[path];
    return typeof to === 'string' ? to : to?.[this.role];
  }

  /** The address of a route: of one with a variable part, the first that a link led to. */
  address = (route) => this.addresses(route)[0];

  /** All that were found. */
  addresses({ path }) {
    if (!path.includes('{')) return [path];
    const found = [...this.links].filter((link) => routeOf(link, PATHS) === path);
    assert.ok(found.length, `no page has a link to ${path}`);
    return found;
  }

  /** Remembers where the page of a route leads to. */
  async harvest({ path }) {
    if (!PAGES[path].sample) await this.collect('a[href^="/"], iframe[src^="/"]');
  }

  /** Remembers the links of the page that is open, or some of them; gives them. */
  async collect(which) {
    const found = await this.page.$$eval(which, (all) => all.map((one) => one.getAttribute('href') ?? one.getAttribute('src')));
    const links = found.map((link) => link.split('#')[0]);
    for (const link of links) this.links.add(link);
    return links;
  }

  /** Links that lead to no route. */
  lost = () => [...this.links].filter((link) => !routeOf(link, PATHS));
}
