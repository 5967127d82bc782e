// What goes on around a page: mail that comes, windows side by side, sessions that end, a database that is away.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { look } from './lib/look.mjs';
import { row, write } from './lib/mail.mjs';
import { artefact, directory, member, web } from './lib/place.mjs';
import { signIn, submit } from './lib/sign_in.mjs';
import { deliver } from './lib/smtp.mjs';
import { go, press, until, walk } from './lib/walk.mjs';

const [owner, emi, farid, hanna] = ['ada', 'emi', 'farid', 'hanna'].map(member);

const letter = (subject, to) =>
  deliver(Buffer.from(`From: Eve <eve@elsewhere.test>\nTo: <${to.address}>\nSubject: ${subject}\nDate: ${new Date().toUTCString()}\nMessage-ID: <${subject.replace(/\W/g, '.')}@elsewhere.test>\n\nIt is here.\n`), to.address);

/** Where everything of a page stands, but the bar that tells of new mail. */
const places = (page) =>
  page.evaluate(() => {
    const all = [...document.querySelectorAll('body *')].filter((one) => !one.closest('[data-new-bar], #live') && one.getClientRects().length);
    return all.map((one) => {
      const { x, y, width, height } = one.getBoundingClientRect();
      return `${one.localName} ${one.id} ${x} ${y} ${width} ${height}`;
    });
  });
const focused = (page) => page.evaluate(() => document.activeElement.closest('[data-row]')?.dataset.row);
const pane = (page) => page.locator('section.list');
const unread = async (page) => Number((await page.title()).match(/\((\d+)\)/)?.[1] ?? 0);

for (const [name, scroll, viewport] of [
  ['while a row has the focus', 0, { width: 1240, height: 900 }],
  ['while the list is scrolled', 240, { width: 1240, height: 500 }],
  ['on a phone', 0, { width: 390, height: 800 }],
]) {
  walk(`new mail moves nothing ${name}`, async (enter) => {
    const { page } = await enter({ as: emi, at: '/mail', viewport });
    const listens = page.waitForRequest(/\/mail\/live/);
    await page.reload();
    await listens;
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    if (scroll) await pane(page).evaluate((one, by) => (one.scrollTop = by), scroll);
    const before = [await places(page), await focused(page), await pane(page).evaluate((one) => one.scrollTop)];
    assert.ok(before[1] && before[2] === scroll);
    const [rows, count] = [await page.locator('[data-row]').count(), await unread(page)];
    const subjects = [1, 2, 3].map((n) => `Number ${n} ${name}`);
    for (const subject of subjects) assert.match(await letter(subject, emi), /^250/);
    const bar = page.getByRole('link', { name: '3 new messages – show' });
    await bar.waitFor();
    assert.deepEqual([await places(page), await focused(page), await pane(page).evaluate((one) => one.scrollTop)], before);
    assert.equal(await page.locator('[data-row]').count(), rows);
    assert.equal(await unread(page), count + 3);
    assert.equal(await page.locator('#live').innerText(), '3 new messages – show');
    await bar.click();
    for (const subject of subjects) await row(page, subject).waitFor();
    assert.equal(await bar.count(), 0);
    assert.equal(await unread(page), count + 3);
    assert.equal(await page.evaluate(() => document.activeElement.localName), 'h1', 'the list is renewed where it stands');
    // From now on it is told of what comes after that.
    assert.match(await letter(`Number 4 ${name}`, emi), /^250/);
    await page.getByRole('link', { name: 'One new message – show' }).waitFor();
  });
}

walk('the list is renewed beside a message that stays open', async (enter) => {
  const { page } = await enter({ as: emi, at: '/mail' });
  await go(page, () => page.locator('[data-list] a').first().click());
  const subject = await page.getByRole('heading', { level: 1 }).innerText();
  const address = page.url();
  await page.locator('iframe.msg').evaluate((frame) => (frame.isTheSame = true));
  const unreadInbox = async () => Number(await page.locator('#folder-list a[href="/mail"] .count').innerText());
  assert.match(await letter('Beside a message', emi), /^250/);
  await page.getByRole('link', { name: 'One new message – show' }).click();
  await row(page, 'Beside a message').waitFor();
  assert.deepEqual([await page.getByRole('heading', { level: 1 }).innerText(), page.url()], [subject, address]);
  assert.ok(await page.locator('iframe.msg').evaluate((frame) => frame.isTheSame));
  assert.equal(await page.locator('[data-row] [aria-current]').count(), 1);
  assert.ok((await unreadInbox()) > 0);
});

walk('after signing out the way back shows nothing', async (enter) => {
  const { page } = await enter({ as: hanna, at: '/mail' });
  await go(page, () => page.locator('[data-list] a').first().click());
  const subject = await page.getByRole('heading', { level: 1 }).innerText();
  const other = await page.context().newPage();
  await other.goto(page.url());
  await page.locator('[popovertarget="account"]').click();
  await press(page, 'Sign out');
  assert.equal(new URL(page.url()).pathname, '/sign-in');
  for (const turn of [() => page.goBack(), () => page.goBack(), () => page.goForward(), () => other.reload()]) {
    await turn();
    for (const one of [page, other]) await one.waitForLoadState();
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    assert.ok(!(await page.content()).includes(subject));
  }
  assert.equal(new URL(other.url()).pathname, '/sign-in');
});

walk('two windows write two messages, and one message in two windows is not lost', async (enter) => {
  const { page, context } = await enter({ as: farid, at: '/mail/compose' });
  const other = await context.newPage();
  await other.goto(`${web}/mail/compose`);
  await write(page, { to: emi.address, subject: 'From the left' });
  await write(other, { to: emi.address, subject: 'From the right' });
  for (const one of [page, other]) await one.waitForURL(/\/mail\/compose\/\d+$/);
  assert.notEqual(page.url(), other.url());
  await page.reload();
  assert.equal(await page.getByLabel('Subject').inputValue(), 'From the left');
  // The same draft in both: what is saved last becomes one of its own.
  await other.goto(page.url());
  await write(page, { body: 'left' });
  await page.locator('[data-saved]').filter({ hasText: /^Saved/ }).waitFor();
  await write(other, { body: 'right' });
  await other.locator('[data-saved]').filter({ hasText: 'changed in another window' }).waitFor();
  assert.notEqual(page.url(), other.url());
  for (const [one, body] of [[page, 'left'], [other, 'right']]) {
    await one.reload();
    assert.equal(await one.getByRole('textbox', { name: 'Message' }).inputValue(), body);
    await press(one, 'Discard this draft');
  }
});

walk('a session that begins anew elsewhere goes on with what is written', async (enter) => {
  const { page, watch } = await enter({ as: farid, at: '/mail/compose' });
  const saved = page.locator('[data-saved]').filter({ hasText: /^Saved/ });
  await write(page, { subject: 'Begun before', body: 'One' });
  await saved.waitFor();
  const other = await page.context().newPage();
  await other.goto(`${web}/mail`);
  await other.locator('[popovertarget="account"]').click();
  await press(other, 'Sign out');
  await signIn(other, farid);
  await page.locator('[data-saved]').evaluate((place) => (place.textContent = ''));
  await write(page, { body: 'Two' });
  await saved.waitFor();
  await page.reload();
  assert.equal(await page.getByRole('textbox', { name: 'Message' }).inputValue(), 'Two');
  await watch.take();
});

walk('what was refused or left is in Drafts, and goes into no other message', async (enter) => {
  const { page } = await enter({ as: farid, at: '/mail/compose' });
  await write(page, { to: 'nobody', subject: 'Refused', body: 'Mine' });
  assert.equal((await press(page, 'Send')).status(), 422);
  await page.goto(`${web}/mail/compose`);
  assert.ok(await page.locator('[data-rescued]').isHidden());
  await write(page, { subject: 'Left', body: 'Mine too' });
  await page.locator('[data-saved]').filter({ hasText: /^Saved/ }).waitFor();
  await page.goto(`${web}/mail`);
  const row = (subject) => page.locator('[data-row]').filter({ hasText: subject });
  await until(async () => {
    await go(page, () => page.locator('#folder-list a', { hasText: 'Drafts' }).click());
    return (await row('Refused').count()) && (await row('Left').count());
  }, 'both are in Drafts');
  await go(page, () => row('Refused').getByRole('link').click());
  assert.ok(await page.locator('[data-rescued]').isHidden());
  assert.equal(await page.getByLabel('Subject').inputValue(), 'Refused');
});

for (const javaScriptEnabled of [true, false]) {
  walk(
    `sent twice it is one message (scripts: ${javaScriptEnabled})`,
    async (enter) => {
      const { page } = await enter({ as: farid, at: '/mail/compose' });
      const { page: theirs } = await enter({ as: hanna });
      const subjects = ['Pressed twice', 'Pressed once'].map((words) => `${words} ${javaScriptEnabled}`);
      await write(page, { to: hanna.address, subject: subjects[0], body: 'Once is enough.' });
      await page.getByRole('button', { name: 'Send', exact: true }).dblclick();
      await page.getByText(/^Sending in/).first().waitFor();
      await page.goto(`${web}/mail/compose`);
      await write(page, { to: hanna.address, subject: subjects[1], body: 'This one too.' });
      await press(page, 'Send');
      const find = async (one, box, subject) => {
        await one.goto(`${web}/mail/search?q=${encodeURIComponent(`in:${box} subject:"${subject}"`)}`);
        return one.locator('[data-row]').count();
      };
      for (const subject of subjects) await until(() => find(theirs, 'inbox', subject), `${subject} arrives`);
      assert.deepEqual([await find(theirs, 'inbox', subjects[0]), await find(page, 'sent', subjects[0])], [1, 1]);
    },
    { javaScriptEnabled },
  );
}

/** A file of so many octets, on the disk: a browser is told its path. */
function file(name, octets) {
  const path = artefact(name);
  writeFileSync(path, Buffer.alloc(octets, 'x'));
  return path;
}

walk('a file that is too large is refused in words', async (enter) => {
  const { page: boss } = await enter({ as: owner, at: '/admin/settings/message.size' });
  await boss.locator('input[inputmode="numeric"]').fill('1');
  await boss.getByLabel('Unit').selectOption({ label: 'MiB' });
  await press(boss, 'Save');
  const large = file('large.bin', 1_500_000);
  const { page, watch } = await enter({ as: farid, at: '/mail/compose' });
  await write(page, { subject: 'With a file' });
  assert.match(await page.locator('#file-hint').innerText(), /of \d+ kB used/);
  watch.requests.length = 0;
  await page.setInputFiles('#file', large);
  await page.locator('[data-files] .error').filter({ hasText: 'large.bin is too large' }).waitFor();
  assert.ok(!watch.requests.some((request) => request.url().endsWith('/file')), 'it was not even sent');
  assert.equal(await page.locator('[data-files] .attachment').count(), 0);
  const { page: plain } = await enter({ as: farid, at: '/mail/compose', javaScriptEnabled: false });
  for (const name of [large, file('huge.bin', 30_000_000)]) {
    await write(plain, { subject: 'With a file', body: 'Nothing of this is lost.' });
    await plain.setInputFiles('#file', name);
    const answer = await press(plain, 'Attach');
    assert.equal(answer.status(), 422);
    await plain.getByText(/(large|huge)\.bin is too large: all attachments together can have/).last().waitFor();
    assert.equal(await plain.getByRole('textbox', { name: 'Message' }).inputValue(), 'Nothing of this is lost.');
  }
});

/** Every process of the program's PostgreSQL. */
function postgres() {
  const postmaster = Number(readFileSync(join(directory(), 'postgres/data/postmaster.pid'), 'utf8').split('\n')[0]);
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8').trim().split(/\s+/).map(Number);
  return { postmaster, children };
}

walk('while the database is away its page says so, and comes back', async (enter) => {
  const { page, watch } = await enter({ as: hanna, at: '/mail' });
  const { page: plain } = await enter({ as: farid, at: '/mail', javaScriptEnabled: false });
  const { postmaster, children } = postgres();
  // Nobody answers and nobody is let in, as if it hung.
  process.kill(postmaster, 'SIGSTOP');
  try {
    for (const child of children) process.kill(child, 'SIGKILL');
    await look(page, await page.goto(`${web}/mail`, { timeout: 60_000 }), 'database-away');
    for (const one of [page, plain]) {
      const answer = await one.goto(`${web}/mail`, { timeout: 60_000 });
      assert.equal(answer.status(), 503);
      await one.getByRole('heading', { name: 'The database does not answer' }).waitFor();
    }
  } finally {
    process.kill(postmaster, 'SIGCONT');
  }
  // The page asks again by itself.
  for (const one of [page, plain]) await one.locator('[data-row]').first().waitFor({ timeout: 60_000 });
  assert.equal(new URL(page.url()).pathname, '/mail');
  await watch.take();
});
