// What every signed-in page gains from a script. Each of these pages works without it.
//
// data-copy            on a button beside `.copy-value`: copies it; data-copied is what the button then says
// data-reveal="ID"     on a button: shows and hides the password typed in the input ID
// data-print           on a button: prints the page
// data-dialog="ID"     on a link: opens the dialog ID in place of going there
// data-theme-choice    on a radio button: its value is shown at once, before it is saved
// data-toast="10"      (data-about: of which act) a notice that goes after so many seconds, not while pointed at; data-left in it counts down
// data-time="brief"    on <time datetime>: shown in the reader's own zone; "full" with the date
// data-back="5"        stands in for a page that can't be had now: looks for it every so many seconds, and goes there
// data-focus           takes the focus when the page is there: a summary of what is wrong
//
// Events on document: `say` (detail: a sentence) is read out; `signed-out` tells that the session is over.

const root = document.documentElement;
root.classList.add('js');

const live = document.getElementById('live');
function say(words) {
  live.textContent = '';
  setTimeout(() => (live.textContent = words), 50);
}
document.addEventListener('say', (event) => say(event.detail));

function toast(box) {
  let left = Number(box.dataset.toast);
  const count = box.querySelector('[data-left]');
  say(box.querySelector('p').textContent);
  const timer = setInterval(() => {
    if (box.matches(':hover, :focus-within')) return;
    left -= 1;
    if (count) count.textContent = Math.max(left, 0);
    if (left > 0) return;
    clearInterval(timer);
    box.remove();
  }, 1000);
}

// The reader's own kind of the page's language: 14:05 or 2:05 pm.
const lang = navigator.languages.find((tag) => tag.startsWith(root.lang)) ?? root.lang;
function localTime(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) return;
  const full = at.toLocaleString(lang, { dateStyle: 'long', timeStyle: 'short' });
  time.title = full;
  const now = new Date();
  if (time.dataset.time === 'full') time.textContent = full;
  else if (at.toDateString() === now.toDateString()) time.textContent = at.toLocaleTimeString(lang, { timeStyle: 'short' });
  else if (at.getFullYear() === now.getFullYear()) time.textContent = at.toLocaleDateString(lang, { day: 'numeric', month: 'short' });
  else time.textContent = at.toLocaleDateString(lang, { dateStyle: 'short' });
}

function dress(part) {
  part.querySelectorAll('[data-toast]').forEach(toast);
  part.querySelectorAll('time[data-time]').forEach(localTime);
}

async function copy(button) {
  const value = button.parentElement.querySelector('.copy-value');
  try {
    await navigator.clipboard.writeText(value.textContent.trim());
  } catch {
    getSelection().selectAllChildren(value);
    return;
  }
  const words = button.querySelector('span');
  const before = words.textContent;
  words.textContent = button.dataset.copied;
  say(button.dataset.copied);
  setTimeout(() => (words.textContent = before), 2000);
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  const shown = input.type === 'text';
  input.type = shown ? 'password' : 'text';
  button.setAttribute('aria-pressed', String(!shown));
}

document.addEventListener('click', (event) => {
  const of = (name) => event.target.closest(`[data-${name}]`);
  const copies = of('copy'), reveals = of('reveal'), asks = of('dialog');
  if (copies) copy(copies);
  if (reveals) reveal(reveals);
  if (of('print')) print();
  const dialog = asks && document.getElementById(asks.dataset.dialog);
  if (dialog && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    dialog.showModal();
  }
});

// A second press does nothing; coming back to the page from the next one makes its forms fresh.
document.addEventListener('submit', (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === 'dialog' || form.matches('[hx-post], [data-again]')) return;
  if (form.dataset.sent) return event.preventDefault();
  form.dataset.sent = 'true';
  event.submitter?.setAttribute('aria-busy', 'true');
});
addEventListener('pageshow', () => {
  document.querySelectorAll('[data-sent]').forEach((form) => delete form.dataset.sent);
  document.querySelectorAll('[aria-busy=true]').forEach((button) => button.removeAttribute('aria-busy'));
});

document.addEventListener('change', (event) => {
  if (event.target.matches('[data-theme-choice]')) root.dataset.theme = event.target.value;
});

// After a part of the page was replaced the reader is led to its heading.
document.addEventListener('htmx:afterSwap', (event) => {
  dress(event.detail.target);
  const heading = event.detail.target.querySelector('h1, h2');
  if (!heading) return;
  heading.tabIndex = -1;
  heading.focus();
});
document.addEventListener('htmx:responseError', (event) => {
  if (event.detail.xhr.status === 401) document.dispatchEvent(new CustomEvent('signed-out', { bubbles: true, cancelable: true }));
});
// Whoever can keep the page alive (a message is being written) cancels this; else one signs in and comes back.
addEventListener('signed-out', (event) => {
  if (!event.defaultPrevented) location.assign('/sign-in?next=' + encodeURIComponent(location.pathname + location.search));
});

// 503 is what such a page itself comes with.
function comeBack({ dataset: { back } }) {
  const look = setInterval(async () => {
    const answer = await fetch(location.href, { method: 'HEAD', headers: { 'x-script': '1' } }).catch(() => null);
    if (!answer || answer.status === 503) return;
    clearInterval(look);
    location.reload();
  }, back * 1000);
}

dress(document);
document.querySelectorAll('[data-back]').forEach(comeBack);
document.querySelector('[data-focus]')?.focus();
