// A walk through all pages in one role: which it may see, and at which address.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { member } from './place.mjs';
import { PAGES, routeOf } from './routes.mjs';
import { signIn } from './sign_in.mjs';

/** The router's own table, of what answers to GET. */
export const ROUTES = JSON.parse(readFileSync(process.env.MAILSTEAD_ROUTES, 'utf8')).filter(({ methods }) => /\bGET\b/.test(methods));

const PATHS = ROUTES.map(({ path }) => path);

/** Roles and the members of the demo who have them. */
export const ROLES = { out: null, member: 'greta', admin: 'bruno', owner: 'ada' };

/** What each access lets in, as the router names it. */
const LETS_IN = {
  public: ['out', 'member', 'admin', 'owner'],
  half: ['member', 'admin', 'owner'],
  member: ['member', 'admin', 'owner'],
  admin: ['admin', 'owner'],
  owner: ['owner'],
};

export class Visit {
  /** Addresses that pages so far have led to. */
  links = new Set();

  constructor(role, page) {
    Object.assign(this, { role, page });
  }

  /** Signs in, where the role is somebody's. */
  async begin() {
    if (ROLES[this.role]) await signIn(this.page, member(ROLES[this.role]));
  }

  /** The routes in the order of the table. */
  routes = () => Object.keys(PAGES).flatMap((path) => ROUTES.filter((route) => route.path === path && this.has(route)));

  /** Whether there is one for the role, if it may see it at all. */
  has = ({ path, access }) => !LETS_IN[access].includes(this.role) || (PAGES[path].of ?? LETS_IN.public).includes(this.role);

  /** What becomes of the role at a route: `turned away`, `apart`, `absent`, `led on`, `file` or `page`. */
  fate({ path, access }) {
    if (!LETS_IN[access].includes(this.role)) return 'turned away';
    if (PAGES[path].apart) return 'apart';
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
  address({ path }) {
    if (!path.includes('{')) return path;
    const found = [...this.links].find((link) => routeOf(link, PATHS) === path);
    assert.ok(found, `no page has a link to ${path}`);
    return found;
  }

  /** Remembers where the page of a route leads to. */
  async harvest({ path }) {
    if (PAGES[path].sample) return;
    for (const link of await this.page.$$eval('a[href^="/"]', (all) => all.map((one) => one.getAttribute('href')))) {
      this.links.add(link.split('#')[0]);
    }
  }

  /** Links that lead to no route. */
  lost = () => [...this.links].filter((link) => !routeOf(link, PATHS));
}
