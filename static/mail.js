// What the mailbox gains from a script: each act is also a link or a form of the page.
//
// <body data-mail>
//   data-shortcuts="off"      no single-key shortcuts
//   data-events="URL"         stream of events; each `new` carries {"words":"3 new messages – show","title":"Inbox (3)"}
//   data-poll="URL"           the same as JSON, asked each minute where the stream can't be had; 204: nothing new
// [data-new-bar] hidden       the bar for that; [data-words] in it takes the words
// [data-list] with [data-row] the list: j and k go through it, x picks, shift and a click pick a range
// [data-key="r"]              pressed, or focused if it is a field, by that key; `?` opens <dialog id="shortcuts">
// [data-seen="URL"]           a message: POSTed after data-after seconds; data-row names its row in the list
// iframe[data-frame]          grows to the height of its message
//
// <form data-compose>         a message that is being written
//   data-save="URL"           POST of the form, answered {"revision":"…","words":"Saved 10:44"}; 409: changed elsewhere
//   data-upload="URL"         POST of one file, answered with the <li> to show; data-limit in octets
//   data-too-big, data-away, data-conflict, data-failed   sentences; {name} in the first and the last is the file
//   data-rescue="KEY"         where the text is kept when the server is away
//   [data-saved] its state; [data-files] list of files; input[type=file]; input[name=revision]
//   [data-rescued] hidden     offers text that was kept; [data-rescue-take] and [data-rescue-drop] in it
// <dialog id="sign-in-again"> with [data-slot]: where one signs in again without leaving what is being written

const { body } = document;
const find = (what, from = document) => from.querySelector(what);
const every = (what, from = document) => [...from.querySelectorAll(what)];
const say = (words) => document.dispatchEvent(new CustomEvent('say', { detail: words }));
const token = () => find('input[name=csrf]')?.value ?? '';

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

async function poll() {
  try {
    const answer = await fetch(body.dataset.poll, { headers: { 'x-script': '1' } });
    if (answer.status === 200) tellNew(await answer.json());
  } catch { /* Away: the next minute asks again. */ }
}

function listen() {
  let polling;
  const pollInstead = () => (polling ??= body.dataset.poll && setInterval(poll, 60_000));
  if (!body.dataset.events) return pollInstead();
  const events = new EventSource(body.dataset.events);
  events.addEventListener('new', (event) => tellNew(JSON.parse(event.data)));
  events.addEventListener('open', () => (polling = clearInterval(polling)));
  events.addEventListener('error', pollInstead);
}

// The message on show.

function markSeen(message) {
  const { seen, after = '2', row } = message.dataset;
  const mark = async () => {
    if (!message.isConnected || document.hidden) return document.addEventListener('visibilitychange', mark, { once: true });
    const answer = await send(seen).catch(() => null);
    if (answer?.ok) find(`[data-row="${CSS.escape(row ?? '')}"]`)?.classList.remove('row-unread');
  };
  setTimeout(mark, Number(after) * 1000);
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

function onKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.closest('input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable], dialog, [popover]')) return;
  const acts = { j: () => step(1), k: () => step(-1), x: pickRow, '?': () => find('#shortcuts')?.showModal() };
  const named = find(`[data-key="${CSS.escape(event.key)}"]:not(:disabled)`);
  if (!acts[event.key] && !named) return;
  event.preventDefault();
  if (acts[event.key]) acts[event.key]();
  else if (named.matches('input')) named.focus();
  else named.click();
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

// Signing in again on the same page: the server's own forms in a dialog, until it asks for no more.

function signInAgain() {
  const dialog = find('#sign-in-again');
  if (!dialog) return Promise.resolve(false);
  if (dialog.open) return Promise.resolve(false);
  const parse = async (answer) => new DOMParser().parseFromString(await answer.text(), 'text/html');
  return new Promise((done) => {
    const show = (page) => {
      const form = find('main form[action^="/sign-in"]', page);
      if (!form) return finish();
      const problem = find('main [role=alert]', page);
      find('[data-slot]', dialog).replaceChildren(...[problem, form].filter(Boolean).map((part) => document.importNode(part, true)));
      find('[data-slot] form', dialog).dataset.again = '';
      find('[data-slot] input:not([type=hidden])', dialog)?.focus();
    };
    const finish = async () => {
      // The new session has a token of its own: every form of this page takes it over.
      const fresh = find('input[name=csrf]', await parse(await fetch(location.href)))?.value;
      if (fresh) every('input[name=csrf]').forEach((input) => (input.value = fresh));
      find('[data-slot]', dialog).replaceChildren();
      dialog.close('done');
    };
    dialog.onsubmit = async (event) => {
      if (event.target.method === 'dialog') return;
      event.preventDefault();
      const data = new URLSearchParams(new FormData(event.target));
      try {
        show(await parse(await fetch(event.target.action, { method: 'POST', body: data, headers: { accept: 'text/html' } })));
      } catch { /* Away: the form stays, to be sent again. */ }
    };
    dialog.onclose = () => done(dialog.returnValue === 'done');
    dialog.returnValue = '';
    dialog.showModal();
    fetch('/sign-in', { headers: { accept: 'text/html' } }).then(parse).then(show, () => dialog.close());
  });
}

// Writing.

class Draft {
  constructor(form) {
    this.form = form;
    this.words = form.dataset;
    this.state = find('[data-saved]', form);
    this.clean = this.text();
    form.addEventListener('input', () => this.changed());
    form.addEventListener('submit', () => this.leave());
    addEventListener('pagehide', () => this.saveAtLeave());
    document.addEventListener('signed-out', (event) => event.preventDefault());
    if (this.words.upload) this.files();
    this.offerRescued();
  }

  text() {
    const data = new FormData(this.form);
    for (const [name, value] of [...data]) if (value instanceof File || name === 'csrf' || name === 'revision') data.delete(name);
    return new URLSearchParams(data).toString();
  }

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.save(), 5000);
  }

  // Everything but the files, which are uploaded by themselves.
  body() {
    const data = new URLSearchParams(this.text());
    data.set('csrf', token());
    data.set('revision', find('[name=revision]', this.form)?.value ?? '');
    return data;
  }

  async save() {
    const text = this.text();
    if (text === this.clean || !this.words.save) return;
    if (this.saving) return this.changed();
    this.saving = true;
    try {
      await this.store(text);
    } catch {
      this.keep(text);
    } finally {
      this.saving = false;
    }
  }

  async store(text) {
    const answer = await send(this.words.save, this.body());
    if (answer.status === 401) {
      this.keep(text);
      if (await signInAgain()) this.changed();
      return;
    }
    if (answer.status === 409) return this.tell(this.words.conflict);
    if (!answer.ok) return this.keep(text);
    const { revision, words } = await answer.json();
    const field = find('[name=revision]', this.form);
    if (field && revision) field.value = revision;
    this.clean = text;
    this.forget();
    this.tell(words, true);
  }

  tell(words, quiet) {
    if (!words) return;
    if (this.state) this.state.textContent = words;
    if (!quiet) say(words);
  }

  saveAtLeave() {
    clearTimeout(this.timer);
    if (this.left || this.text() === this.clean || !this.words.save) return;
    send(this.words.save, this.body(), { keepalive: true }).catch(() => {});
    this.keep(this.text());
  }

  leave() {
    this.left = true;
    clearTimeout(this.timer);
    this.forget();
  }

  // Only what was typed is kept, on this device, and only while the server can't have it.
  keep(text) {
    try {
      localStorage.setItem(this.words.rescue, text);
      this.tell(this.words.away);
    } catch { /* No room or not allowed: the page itself still has it. */ }
  }

  forget() {
    try {
      localStorage.removeItem(this.words.rescue);
    } catch { /* Not allowed: nothing was kept. */ }
  }

  kept() {
    try {
      return localStorage.getItem(this.words.rescue);
    } catch {
      return null;
    }
  }

  offerRescued() {
    const bar = find('[data-rescued]');
    const kept = this.kept();
    if (!bar || !kept || kept === this.clean) return;
    bar.hidden = false;
    find('[data-rescue-take]', bar).addEventListener('click', () => {
      for (const [name, value] of new URLSearchParams(kept)) {
        const field = this.form.elements.namedItem(name);
        if (field && 'value' in field && field.type !== 'hidden') field.value = value;
      }
      bar.hidden = true;
      this.save();
    });
    find('[data-rescue-drop]', bar).addEventListener('click', () => {
      this.forget();
      bar.hidden = true;
    });
  }

  files() {
    const input = find('input[type=file]', this.form);
    const take = (files) => [...files].forEach((file) => this.upload(file));
    input.addEventListener('change', () => {
      take(input.files);
      input.value = '';
    });
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
    if (file.size > Number(this.words.limit || Infinity)) return this.tell(this.words.tooBig?.replace('{name}', file.name));
    const item = document.createElement('li');
    item.className = 'attachment';
    const name = document.createElement('p');
    name.className = 'attachment-name';
    name.textContent = file.name;
    const bar = document.createElement('progress');
    bar.className = 'meter';
    bar.max = 1;
    bar.setAttribute('aria-label', file.name);
    item.append(name, bar);
    find('[data-files]', this.form).append(item);
    const failed = () => {
      item.remove();
      this.tell(this.words.failed?.replace('{name}', file.name));
    };
    // fetch can't tell how far an upload is.
    const request = new XMLHttpRequest();
    request.open('POST', this.words.upload);
    request.setRequestHeader('x-script', '1');
    request.setRequestHeader('x-csrf-token', token());
    request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
    request.onerror = failed;
    request.onload = async () => {
      if (request.status === 401 && (await signInAgain())) {
        item.remove();
        return this.upload(file);
      }
      if (request.status >= 300) return failed();
      const made = new DOMParser().parseFromString(request.responseText, 'text/html').querySelector('li');
      if (made) item.replaceWith(document.importNode(made, true));
      say(file.name);
    };
    const data = new FormData();
    data.append('file', file);
    request.send(data);
  }
}

function dress(part) {
  every('[data-seen]', part).forEach(markSeen);
  every('iframe[data-frame]', part).forEach(growFrame);
  every('[data-list]', part).forEach(ranges);
  every('form[data-compose]', part).forEach((form) => new Draft(form));
}

listen();
if (body.dataset.shortcuts !== 'off') document.addEventListener('keydown', onKey);
document.addEventListener('htmx:afterSwap', (event) => dress(event.detail.target));
dress(document);
