// What the mailbox gains from a script: each act is also a link or a form of the page.
//
// <body data-mail>
//   data-shortcuts="off"      no single-key shortcuts
// [data-new-bar] hidden       the bar for new mail; [data-words] in it takes the words
//   data-events="URL"         stream of events; each `new` carries {"words":"3 new messages – show","title":"Inbox (3)"};
//                             where the stream can't be had it is asked for the same as JSON each minute; 204: nothing new
// [data-list] with [data-row] the list: j and k go through it, x picks, shift and a click pick a range; with a name it stands
//                           where it stood when it was seen last
// [data-key="r"]              pressed, or focused if it is a field, by that key; `?` opens <dialog id="shortcuts">
// [data-seen="URL"]           a message: POSTed after data-after seconds; data-row names its row in the list
// iframe[data-frame]          grows to the height of its message
//
// <form data-compose>         a message that is being written
//   data-save="URL"           POST of the form, answered {"revision":"…"}, with "words" where there is more to say than that it
//                             is kept, and {"at":"URL","files":"<li>…"} where the draft is at another URL from now on. A file is
//                             POSTed to at + "/file", answered with its <li> and [data-used], or with a sentence and another status
//   data-limit                octets of all files
//   data-too-big, data-away, data-failed   sentences; {name} is the file
//   data-rescue="KEY"         where the text is kept when the server is away, with the key of the form where it has no draft yet
//   data-heard                the answer to what was sent: the server has the text
//   data-kept, data-refused   sentences: the server has it all, since {at}; it did not take it
//   [data-saved] its state; [data-files] list of files; [data-parts] files to choose from before there is a draft
//   [data-rescued] hidden     offers text that was kept; [data-rescue-take] and [data-rescue-drop] in it
// <dialog id="sign-in-again"> with [data-slot]: where one signs in again without leaving what is being written

const { body, documentElement: root } = document;
const find = (what, from = document) => from.querySelector(what);
const every = (what, from = document) => [...from.querySelectorAll(what)];
const say = (words) => document.dispatchEvent(new CustomEvent('say', { detail: words }));
// As it may stand in a page and in a form: no controls, nothing that turns its neighbours round (UAX #9).
const nameOf = (file) => file.name.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, '_');
const token = () => find('input[name=csrf]')?.value ?? '';
const parse = async (answer) => new DOMParser().parseFromString(await answer.text(), 'text/html');

// A session that began elsewhere has a token of its own: every form of this page takes it over.
async function freshToken() {
  const page = await parse(await fetch(location.href));
  const whose = (from) => find('[data-rescue]', from)?.dataset.rescue.split(' ').pop();
  const fresh = find('input[name=csrf]', page)?.value;
  // Somebody else's gets nothing of what is on this page.
  if (!fresh || fresh === token() || whose(page) !== whose(document)) return false;
  every('input[name=csrf]').forEach((input) => (input.value = fresh));
  return true;
}

function send(url, data, more = {}) {
  const headers = { 'x-script': '1', 'x-csrf-token': token(), accept: 'application/json' };
  return fetch(url, { method: 'POST', body: data, headers, ...more });
}

// New mail: told, never inserted under the reader's hand.

function tellNew({ words, title }) {
  const bar = find('[data-new-bar]');
  if (!bar || !words) return;
  const place = find('[data-words]', bar);
  if (place.textContent === words && !bar.hidden) return;
  place.textContent = words;
  bar.hidden = false;
  if (title) document.title = title;
  say(words);
}

let events, polling;

async function poll(url) {
  try {
    const answer = await fetch(url, { headers: { 'x-script': '1', accept: 'application/json' } });
    if (answer.status === 200) tellNew(await answer.json());
  } catch { /* Away: the next minute asks again. */ }
}

// Again after each change of the list: what is new is new since then.
function listen() {
  const url = find('[data-new-bar]')?.dataset.events;
  events?.close();
  clearInterval(polling);
  if (!url) return;
  events = new EventSource(url);
  events.addEventListener('new', (event) => tellNew(JSON.parse(event.data)));
  events.addEventListener('error', ({ target }) => {
    // Elsewhere the browser asks again by itself.
    if (target.readyState !== EventSource.CLOSED || target !== events) return;
    clearInterval(polling);
    polling = setInterval(poll, 60_000, url);
  });
}

// The message on show.

function markSeen(message) {
  const { seen, after = '2', row } = message.dataset;
  const mark = async () => {
    if (!message.isConnected || document.hidden) return document.addEventListener('visibilitychange', mark, { once: true });
    const answer = await send(seen).catch(() => null);
    if (answer?.ok) showSeen(find(`[data-row="${CSS.escape(row ?? '')}"]`), await answer.json());
  };
  setTimeout(mark, Number(after) * 1000);
}

// Its line and its folder tell the same as if the page were asked for again.
function showSeen(line, { folder, unread, words }) {
  line?.classList.remove('row-unread');
  find('h2 em', line ?? undefined)?.remove();
  const place = find(`#folder-list a[href="${CSS.escape(folder)}"]`);
  const [count, said] = every('.count, .hidden', place ?? document.createElement('a'));
  if (!count) return;
  if (unread) [count.textContent, said.textContent] = [unread, words];
  else [count, said].forEach((part) => part.remove());
  place.classList.toggle('folder-unread', unread > 0);
}

function growFrame(frame) {
  const fit = () => {
    const page = frame.contentDocument?.documentElement;
    // Its own height: what scrolls is never less than the frame.
    if (page) frame.style.blockSize = `${Math.ceil(page.getBoundingClientRect().height) + 2}px`;
  };
  const watch = () => {
    fit();
    const inside = frame.contentDocument?.body;
    if (inside) new ResizeObserver(fit).observe(inside);
  };
  frame.addEventListener('load', watch);
  // No style knows that the focus is inside.
  addEventListener('blur', () => frame.classList.toggle('focus', document.activeElement === frame));
  addEventListener('focus', () => frame.classList.remove('focus'));
  if (frame.contentDocument?.readyState === 'complete') watch();
}

// Keys.

const rows = () => every('[data-list] [data-row]');

function step(by) {
  const all = rows();
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const at = here >= 0 ? here : all.findIndex((row) => find('[aria-current]', row));
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  if (next) find('a', next).focus();
}

function pickRow() {
  const box = document.activeElement?.closest('[data-row]')?.querySelector('[type=checkbox]');
  if (box) box.click();
}

// Where nothing is ticked a key is for the line that has the focus.
function pickFocused(form) {
  const line = document.activeElement?.closest('[data-row]');
  if (line && form?.contains(line) && !find('[name=pick]:checked', form)) find('[name=pick]', line).checked = true;
}

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog, [popover]')) return;
  const acts = { j: () => step(1), k: () => step(-1), x: pickRow, '?': () => find('#shortcuts')?.showModal() };
  const named = find(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
  if (!acts[event.key] && !named) return;
  event.preventDefault();
  if (acts[event.key]) acts[event.key]();
  else if (named.matches('input')) named.focus();
  else {
    pickFocused(named.form);
    named.click();
  }
}

// Where the hand was: what is done to a line, or to the message beside it, leads to a new page.
function remember() {
  const all = rows();
  const focused = all.findIndex((row) => row.contains(document.activeElement));
  const at = focused >= 0 ? focused : all.findIndex((row) => find('[aria-current]', row));
  try {
    if (at >= 0) sessionStorage.setItem('hand', at);
  } catch { /* Not allowed: the next page begins at its top. */ }
}

// On a message it is on its subject, in its list on the line that stands where the one before stood.
function handBack() {
  if (document.activeElement !== body) return;
  const title = find('.mail-reading .reader h1');
  if (title) {
    title.tabIndex = -1;
    return title.focus({ preventScroll: true });
  }
  try {
    const at = sessionStorage.getItem('hand');
    sessionStorage.removeItem('hand');
    const all = rows();
    if (at !== null && all.length) find('a', all[Math.min(Number(at), all.length - 1)]).focus();
  } catch { /* Not allowed: nothing was remembered. */ }
}

function ranges(list) {
  let last;
  list.addEventListener('click', (event) => {
    if (!event.target.matches('[type=checkbox]')) return;
    const boxes = every('[type=checkbox]', list);
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(event.target)].sort((a, b) => a - b);
    if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach((box) => (box.checked = event.target.checked));
    last = event.target;
  });
}

// A message is a page of its own: the list beside it stays where it was.
function stay(list) {
  const pane = list.closest('.list');
  const place = `list ${list.dataset.list}`;
  try {
    pane.scrollTop = Number(sessionStorage.getItem(place));
    addEventListener('pagehide', () => sessionStorage.setItem(place, pane.scrollTop));
  } catch { /* Not allowed: it begins at its top. */ }
  find('[aria-current]', list)?.scrollIntoView({ block: 'nearest' });
}

// Signing in again on the same page: the server's own forms in a dialog, until it asks for no more.

function signInAgain() {
  const dialog = find('#sign-in-again');
  if (!dialog) return Promise.resolve(false);
  if (dialog.open) return Promise.resolve(false);
  return new Promise((done) => {
    const ask = () => fetch('/sign-in', { headers: { accept: 'text/html' } }).then(parse).then(show);
    const show = (page) => {
      const form = find('main form[action^="/sign-in"]', page);
      if (!form) return finish();
      const problem = find('main [role=alert]', page);
      find('[data-slot]', dialog).replaceChildren(...[problem, form].filter(Boolean).map((part) => document.importNode(part, true)));
      find('[data-slot] form', dialog).dataset.again = '';
      find('[data-slot] input:not([type=hidden])', dialog)?.focus();
    };
    const finish = async () => {
      await freshToken();
      find('[data-slot]', dialog).replaceChildren();
      dialog.close('done');
    };
    dialog.onsubmit = async (event) => {
      if (event.target.method === 'dialog') return;
      event.preventDefault();
      const data = new URLSearchParams(new FormData(event.target));
      try {
        const answer = await fetch(event.target.action, { method: 'POST', body: data, headers: { accept: 'text/html' } });
        // The form was made before somebody signed in elsewhere: a new one, or none is needed any more.
        await (answer.status === 403 ? ask() : show(await parse(answer)));
      } catch { /* Away: the form stays, to be sent again. */ }
    };
    dialog.onclose = () => done(dialog.returnValue === 'done');
    dialog.returnValue = '';
    dialog.showModal();
    ask().catch(() => dialog.close());
  });
}

// Writing.

class Draft {
  constructor(form) {
    this.form = form;
    this.words = form.dataset;
    this.state = find('[data-saved]', form);
    this.clean = this.text();
    this.uploads = new Set();
    // A draft that Drafts does not have yet as it is.
    this.unfiled = 'heard' in this.words && !find('[name=form]', form);
    form.addEventListener('input', () => this.changed());
    addEventListener('online', () => this.save());
    form.addEventListener('submit', (event) => this.submit(event));
    addEventListener('pagehide', () => this.saveAtLeave());
    document.addEventListener('signed-out', (event) => event.preventDefault());
    this.files();
    this.offerRescued();
  }

  // What is typed: it is this that is kept.
  text() {
    const typed = every('select, textarea, input:not([type=hidden], [type=file], [type=checkbox])', this.form);
    return new URLSearchParams(typed.map(({ name, value }) => [name, value])).toString();
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 5000);
  }

  // Everything but the files, which are uploaded by themselves.
  body() {
    const data = [...new FormData(this.form)].filter(([, value]) => typeof value === 'string');
    return new URLSearchParams(data);
  }

  // One save at a time: each goes on from the revision of the one before.
  save() {
    const text = this.text();
    if (this.left || text === this.clean) return this.saving;
    if (this.saving) return this.saving.then(() => this.save());
    this.saving = this.store(text)
      .catch(() => this.keep())
      .finally(() => (this.saving = null));
    return this.saving;
  }

  async store(text) {
    let answer = await send(this.words.save, this.body());
    if (answer.status === 403 && (await freshToken())) answer = await send(this.words.save, this.body());
    if (answer.status === 401) {
      this.hold();
      if (await signInAgain()) setTimeout(() => this.save());
      return;
    }
    if (answer.status >= 500) return this.keep();
    if (!answer.ok) {
      this.hold();
      return this.tell(this.words.refused);
    }
    const { revision, words, at, files } = await answer.json();
    find('[name=revision]', this.form).value = revision;
    this.forget();
    if (at) this.move(at, files);
    this.clean = text;
    this.unfiled = true;
    const lang = navigator.languages.find((tag) => tag.startsWith(root.lang)) ?? root.lang;
    const now = new Date().toLocaleTimeString(lang, { timeStyle: 'short' });
    this.tell(words ?? this.words.kept.replace('{at}', () => now), !words);
  }

  // The draft is at another place from now on: a new one was made.
  move(at, files) {
    this.words.rescue = `${at} ${this.words.rescue.split(' ').pop()}`;
    this.words.save = at;
    this.form.action = at;
    history.replaceState(history.state, '', at);
    const rows = new DOMParser().parseFromString(files, 'text/html').querySelectorAll('li');
    const list = find('[data-files]', this.form);
    every('.attachment:not(:has(progress))', list).forEach((row) => row.remove());
    list.prepend(...[...rows].map((row) => document.importNode(row, true)));
    every('[data-parts], [name=form], [name=kind], [name=source]', this.form).forEach((part) => part.remove());
  }

  // What is under way comes first, so that nothing is sent without it.
  submit(event) {
    if (!this.saving && !this.uploads.size) return this.leave();
    event.preventDefault();
    if (this.waiting) return;
    this.waiting = true;
    const { submitter } = event;
    Promise.allSettled([this.saving, ...this.uploads]).then(() => {
      this.waiting = false;
      this.form.requestSubmit(submitter);
    });
  }

  tell(words, quiet) {
    if (!words) return;
    if (this.state) this.state.textContent = words;
    if (!quiet) say(words);
  }

  saveAtLeave() {
    clearTimeout(this.timer);
    if (this.left || !this.words.save || (this.text() === this.clean && !this.unfiled)) return;
    const kept = this.text() === this.clean;
    const data = kept ? new URLSearchParams({ aside: '1' }) : this.body();
    if (!kept) data.set('leaving', '1');
    send(this.words.save, data, { keepalive: true }).catch(() => {});
    if (kept) return;
    // Nobody hears whether it arrives: where it does in time, the next page of this draft has the same text.
    this.hold();
  }

  // The text stays here until a page tells that something was done with it: its notice is about `compose-…`.
  leave() {
    this.left = true;
    clearTimeout(this.timer);
    if (this.hold()) localStorage.setItem('left', this.key());
  }

  // Messages without a draft are told apart by their forms.
  key() {
    return [this.words.rescue, find('[name=form]', this.form)?.value].filter(Boolean).join(' ');
  }

  // Only what was typed is kept, on this device, and only until the server has it.
  hold() {
    if (!this.words.rescue) return false;
    try {
      localStorage.setItem(this.key(), this.text());
      return true;
    } catch {
      // No room or not allowed: the page itself still has it.
      return false;
    }
  }

  keep() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 15_000);
    if (this.hold()) this.tell(this.words.away);
  }

  forget(key = this.key()) {
    try {
      localStorage.removeItem(key);
    } catch { /* Not allowed: nothing was kept. */ }
  }

  // Where it is, and what: of this form, else of one that began as this one does; where nothing is begun, of any without a
  // draft. It never goes into another message.
  kept() {
    const { rescue } = this.words;
    if (!rescue) return [];
    const [at, who, ...more] = rescue.split(' ');
    const isNew = !more.length && find('[name=form]', this.form);
    const fits = (name) => (isNew ? name.startsWith(`${at} `) && name.split(' ').includes(who) : name.startsWith(`${rescue} `));
    try {
      const all = Object.keys(localStorage);
      const key = all.find((name) => name === this.key()) ?? all.find(fits);
      return [key, key && localStorage.getItem(key)];
    } catch {
      return [];
    }
  }

  offerRescued() {
    const bar = find('[data-rescued]');
    const [key, kept] = this.kept();
    if (kept === this.clean) return this.forget(key);
    if (!bar || !kept) return;
    bar.hidden = false;
    find('[data-rescue-take]', bar).addEventListener('click', () => {
      for (const [name, value] of new URLSearchParams(kept)) {
        const field = this.form.elements.namedItem(name);
        if (field && 'value' in field && field.type !== 'hidden') field.value = value;
      }
      bar.hidden = true;
      this.forget(key);
      this.save();
    });
    find('[data-rescue-drop]', bar).addEventListener('click', () => {
      this.forget(key);
      bar.hidden = true;
    });
  }

  files() {
    const input = find('input[type=file]', this.form);
    const take = (files) => [...files].forEach((file) => this.upload(file));
    const chosen = () => {
      take(input.files);
      input.value = '';
    };
    input.addEventListener('change', chosen);
    // Somebody may have been faster than this script.
    chosen();
    this.form.addEventListener('paste', (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      take(event.clipboardData.files);
    });
    const over = (event) => {
      if (!event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      this.form.classList.toggle('drop', event.type === 'dragover');
      if (event.type === 'drop') take(event.dataTransfer.files);
    };
    for (const kind of ['dragover', 'dragleave', 'drop']) this.form.addEventListener(kind, over);
  }

  upload(file) {
    if (file.size > Number(this.words.limit || Infinity)) return this.refused(this.words.tooBig?.replace('{name}', () => nameOf(file)));
    const item = document.createElement('li');
    item.className = 'attachment';
    const name = document.createElement('p');
    name.className = 'attachment-name';
    name.textContent = nameOf(file);
    const bar = document.createElement('progress');
    bar.className = 'meter';
    bar.max = 1;
    bar.setAttribute('aria-label', nameOf(file));
    item.append(name, bar);
    find('[data-files]', this.form).append(item);
    // One after another, so that they stand in the order in which they were chosen.
    const task = Promise.allSettled([...this.uploads]).then(() => this.ready()).then(() => this.post(file, item, bar));
    this.uploads.add(task);
    task.finally(() => this.uploads.delete(task));
  }

  // It stays where the file would stand, so that nobody sends without it unawares.
  refused(words) {
    const item = document.createElement('li');
    item.className = 'error';
    item.textContent = words;
    find('[data-files]', this.form).append(item);
    say(words);
  }

  // Files need a draft that they belong to.
  async ready() {
    if (find('[name=form]', this.form)) this.clean = null;
    await this.save();
  }

  post(file, item, bar) {
    return new Promise((done) => {
      const failed = (words) => {
        item.remove();
        this.refused(words || this.words.failed?.replace('{name}', () => nameOf(file)));
        done();
      };
      // fetch can't tell how far an upload is.
      const request = new XMLHttpRequest();
      request.open('POST', `${this.words.save}/file`);
      request.setRequestHeader('x-script', '1');
      request.setRequestHeader('x-csrf-token', token());
      request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
      request.onerror = () => failed();
      request.onload = async () => {
        if (request.status === 401 && (await signInAgain())) return done(this.post(file, item, bar));
        const page = new DOMParser().parseFromString(request.responseText, 'text/html');
        const made = page.querySelector('li');
        if (request.status >= 300 || !made) return failed(request.status === 422 && page.body.textContent.trim());
        // Chosen twice, it is there once.
        const same = find(`[value="${CSS.escape(find('button', made).value)}"]`, this.form)?.closest('li');
        (same ?? item).replaceWith(document.importNode(made, true));
        if (same) item.remove();
        const used = page.querySelector('[data-used]');
        if (used) find('[data-used]', this.form).textContent = used.textContent;
        say(nameOf(file));
        done();
      };
      const data = new FormData();
      data.append('file', file, nameOf(file));
      request.send(data);
    });
  }
}

function arrive() {
  try {
    const left = localStorage.getItem('left');
    localStorage.removeItem('left');
    if (left && find('[data-about^="compose-"], [data-heard]')) localStorage.removeItem(left);
  } catch { /* Not allowed: nothing was kept. */ }
}

// What the page had already when a part of it was replaced stays dressed.
const dressed = new WeakSet();
function dress(part) {
  const each = (what, how) => every(what, part).filter((one) => !dressed.has(one)).forEach((one) => {
    dressed.add(one);
    how(one);
  });
  each('[data-seen]', markSeen);
  each('iframe[data-frame]', growFrame);
  each('[data-list]', (list) => {
    ranges(list);
    if (list.dataset.list) stay(list);
  });
  each('form[data-compose]', (form) => new Draft(form));
}

listen();
if (body.dataset.shortcuts !== 'off') document.addEventListener('keydown', onKey);
document.addEventListener('htmx:afterSwap', (event) => {
  dress(event.detail.target);
  listen();
});
document.addEventListener('submit', ({ target }) => target.matches('form[action^="/mail/"]') && remember());
arrive();
dress(document);
handBack();
