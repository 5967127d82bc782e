// What no page may do, collected while it is open.

// The browser says this of every answer of 4xx and 5xx; those are judged where the status is known.
const BY_STATUS = /^Failed to load resource: the server responded with a status of/;

/** Fails with the faults as its words, if there are any. */
export function none(faults, where = 'faults') {
  if (faults.length) throw new Error([where, ...faults].join('\n'));
}

export class Watch {
  #faults = [];
  #answered = [];
  /** Every address that was asked for, ours too. */
  requests = [];

  /** Watches a context; `own` are the origins that pages may ask. */
  static async over(context, own) {
    const watch = new Watch();
    const origins = new Set(own.map((address) => new URL(address).origin));
    await context.exposeBinding('__violation', (_, what) => watch.#add('CSP violation', what));
    await context.addInitScript(() => {
      addEventListener('securitypolicyviolation', (event) => {
        window.__violation(`${event.effectiveDirective} ${event.blockedURI} at ${event.sourceFile}:${event.lineNumber}`);
      });
    });
    context.on('console', (message) => watch.#console(message));
    context.on('weberror', (error) => watch.#add('page error', error.error().message));
    context.on('dialog', (dialog) => {
      watch.#add('dialog', `${dialog.type()}: ${dialog.message()}`);
      dialog.dismiss().catch(() => {});
    });
    context.on('request', (request) => watch.#request(request, origins));
    context.on('requestfailed', (request) => watch.#failed(request));
    context.on('response', (response) => watch.#response(response));
    return watch;
  }

  /** All that was seen since the last time, each as one line; what was collected is forgotten. */
  async take() {
    // Bindings and events arrive after the call that caused them.
    await new Promise((done) => setTimeout(done, 20));
    return this.#faults.splice(0);
  }

  /** Fails if anything was seen. */
  async clean(where) {
    none(await this.take(), where);
  }

  /** The next answer with this status to something that a page loads by itself is no fault. */
  expect(status, path) {
    this.#answered.push({ status, path });
  }

  #add(kind, what) {
    this.#faults.push(`${kind}: ${what}`);
  }

  #console(message) {
    const type = message.type();
    if ((type === 'error' || type === 'warning') && !BY_STATUS.test(message.text())) {
      this.#add(`console ${type}`, `${message.text()} (${message.location().url})`);
    }
  }

  #request(request, origins) {
    const url = request.url();
    this.requests.push(url);
    const { protocol, origin } = new URL(url);
    if (['http:', 'https:', 'ws:', 'wss:'].includes(protocol) && !origins.has(origin)) {
      this.#add('foreign request', url);
    }
  }

  #failed(request) {
    const why = request.failure()?.errorText ?? 'failed';
    // Leaving a page ends what it still loads, and a navigation that becomes a download ends as one.
    if (why !== 'net::ERR_ABORTED') this.#add('failed request', `${request.url()} ${why}`);
  }

  #response(response) {
    const status = response.status();
    // What was navigated to has its status checked by whoever went there.
    if (status < 400 || response.request().isNavigationRequest()) return;
    const { pathname } = new URL(response.url());
    const known = this.#answered.findIndex((one) => one.status === status && one.path === pathname);
    if (known >= 0) this.#answered.splice(known, 1);
    else this.#add('bad answer', `${status} ${response.url()}`);
  }
}
