// Looking after people: found, added, changed, suspended; each act is told, taken back, and in the record.

import assert from 'node:assert/strict';
import { look } from './lib/look.mjs';
import { member, sql, web } from './lib/place.mjs';
import { enterPassword, signIn, submit } from './lib/sign_in.mjs';
import { nextCode } from './lib/totp.mjs';
import { follow, go, press, walk } from './lib/walk.mjs';

const [owner, admin, greta, lars] = ['ada', 'bruno', 'greta', 'lars'].map(member);
const PEOPLE = '/admin/people';

const toast = (page) => page.locator('#toasts');
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.textContent.trim());
const names = (page) => page.locator('tbody a').allInnerTexts();
const search = async (page, words) => {
  await page.getByRole('searchbox').fill(words);
  return submit(page, 'input[type="search"]');
};

/** To a person's page, by the search. */
async function person(page, words) {
  await page.goto(`${web}${PEOPLE}`);
  await search(page, words);
  await go(page, () => page.locator('tbody a').first().click());
  return page.url();
}

/** Opens a dialog of the page, fills it and sends it. */
async function inDialog(page, opener, fill, button = 'Save') {
  await page.getByRole('link', { name: opener, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await fill(dialog);
  return press(page, button, dialog);
}

/** The newest act of the record says this; with what was before and after, where something was. */
async function recorded(page, sentence, change) {
  await page.goto(`${web}/admin/audit`);
  const act = page.locator('.acts > li').first();
  assert.match(await act.locator('p').first().innerText(), sentence);
  if (change) assert.deepEqual(await act.locator('.changes tbody tr > *').allInnerTexts(), change);
}

/** Takes back what was just done; the page says what is now. */
async function takeBack(page, words) {
  await press(page, /Undo/, toast(page));
  await toast(page).getByText(words).waitFor();
}

walk('somebody is added once, whatever is typed wrong before', async (enter) => {
  const { page } = await enter({ as: owner, at: `${PEOPLE}/add` });
  await page.getByLabel('Name', { exact: true }).fill('Nora Quist');
  await page.getByLabel('Space for mail').fill('plenty');
  for (const [local, words] of [['greta', 'This address is taken'], ['no ra', 'This can’t stand before the @'], ['', 'Say what stands before the @']]) {
    const field = page.locator('#local');
    await field.fill(local);
    // The browser itself asks for what is required.
    if (!local) await field.evaluate((one) => one.removeAttribute('required'));
    if (local === 'greta') await page.getByLabel('Space for mail').fill('3');
    const answer = await press(page, 'Add and show the link');
    assert.equal(answer.status(), 422);
    await look(page, answer, 'add-again', { signedIn: true });
    assert.match(await focused(page), /still to be put right/);
    assert.equal(await field.inputValue(), local);
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Nora Quist');
    assert.equal(await field.getAttribute('aria-invalid'), 'true');
    assert.match(await page.locator('#local-error').innerText(), new RegExp(words));
    await page.getByRole('group').getByRole('link', { name: new RegExp(words) }).click();
    assert.equal(await focused(page), 'local');
    await page.getByLabel('Space for mail').fill('plenty');
  }
  await page.locator('#local').fill('nora');
  await page.getByLabel('Space for mail').fill('3');
  await go(page, () => page.getByRole('button', { name: 'Add and show the link' }).dblclick());
  await page.getByText('This link is shown only now').waitFor();
  await look(page, null, 'invited');
  const link = await page.locator('.copy-value').innerText();
  await page.goto(`${web}${PEOPLE}`);
  await search(page, 'nora');
  assert.deepEqual(await names(page), ['Nora Quist']);
  await recorded(page, /added Nora Quist|added nora@/);
  // A new link makes the one before void.
  await person(page, 'nora');
  await press(page, 'Make a new link');
  const newer = await page.locator('.copy-value').innerText();
  const { page: nora } = await enter();
  await nora.goto(link);
  await nora.getByRole('heading', { name: 'This link is no longer good' }).waitFor();
  assert.equal((await nora.goto(newer)).status(), 200);
  sql('UPDATE account_token SET expires_at = created_at');
  await nora.reload();
  await nora.getByRole('heading', { name: 'This link is no longer good' }).waitFor();
});

walk('a new admin is let in with a second factor alone', async (enter) => {
  const { page } = await enter({ as: owner, at: `${PEOPLE}/add` });
  await page.getByLabel('Name', { exact: true }).fill('Rosa Quist');
  await page.locator('#local').fill('rosa');
  await page.getByRole('radio', { name: /^Domain admin/ }).check();
  await press(page, 'Add and show the link');
  const link = await page.locator('.copy-value').innerText();
  const { page: rosa } = await enter();
  await rosa.goto(link);
  const choose = async (password) => {
    await rosa.locator('input[autocomplete="new-password"]').fill(password);
    return press(rosa, 'Open my mailbox');
  };
  await look(rosa, await choose('short'), 'activate-again');
  await look(rosa, await choose('nine quiet cormorants'), 'must-enrol', { signedIn: true });
  await rosa.goto(`${web}/mail`);
  assert.equal(new URL(rosa.url()).pathname, '/settings/second-factor', 'there is no way round it');
  await look(rosa, await press(rosa, 'Begin'), 'scan', { signedIn: true });
  const secret = await rosa.locator('.secret').innerText();
  const confirm = async (digits) => {
    await rosa.locator('#code').fill(digits);
    return press(rosa, 'Confirm');
  };
  await look(rosa, await confirm('000000'), 'scan-again', { signedIn: true });
  await look(rosa, await confirm(await nextCode(secret)), 'codes', { signedIn: true });
  await rosa.goto(`${web}${PEOPLE}`);
  assert.ok((await names(rosa)).includes('Rosa Quist'));
  // From now on the password alone opens nothing.
  await rosa.context().clearCookies();
  const me = { address: 'rosa@example.test', password: 'nine quiet cormorants' };
  await enterPassword(rosa, me);
  await rosa.locator('#code').fill('000000');
  const wrong = await submit(rosa, '#code');
  assert.equal(wrong.status(), 403);
  await look(rosa, wrong, 'wrong-code', { signedIn: true });
  await rosa.goto(`${web}/mail`);
  assert.equal(new URL(rosa.url()).pathname, '/sign-in/code');
});

walk('pressed twice without a script it is one person too', async (enter) => {
  const { page } = await enter({ as: owner, at: `${PEOPLE}/add`, javaScriptEnabled: false });
  await page.getByLabel('Name', { exact: true }).fill('Olaf Rehm');
  await page.locator('#local').fill('olaf');
  await page.getByRole('button', { name: 'Add and show the link' }).dblclick();
  await page.getByText(/This link is shown only now|olaf@example.test was added a moment ago/).waitFor();
  await page.goto(`${web}${PEOPLE}?q=olaf`);
  assert.deepEqual(await names(page), ['Olaf Rehm']);
});

walk('a domain admin looks after one domain', async (enter) => {
  const { page } = await enter({ as: owner, at: '/admin/domains' });
  await page.getByLabel('Domain', { exact: true }).fill('harbour.test');
  await press(page, 'Add');
  await page.goto(`${web}${PEOPLE}/add`);
  await page.getByLabel('Name', { exact: true }).fill('Pia Hafen');
  await page.locator('#local').fill('pia');
  await page.getByLabel('Domain', { exact: true }).selectOption('harbour.test');
  await press(page, 'Add and show the link');
  const pia = await person(page, 'pia');
  const { page: theirs } = await enter({ as: admin, at: PEOPLE });
  assert.ok((await names(theirs)).includes('Greta Müller'));
  await search(theirs, 'pia');
  await theirs.getByText('Nobody fits “pia”').waitFor();
  for (const [place, status] of [[pia, 404], [`${web}/admin/domains`, 403], [`${web}/admin/settings`, 403]]) {
    assert.equal((await theirs.goto(place)).status(), status, place);
  }
  await theirs.goto(`${web}${PEOPLE}/add`);
  assert.equal(await theirs.getByLabel('Domain', { exact: true }).count(), 0, 'there is nothing to choose');
  assert.equal(await theirs.getByRole('radio', { name: /Owner/ }).count(), 0);
  await person(theirs, 'Ada');
  await theirs.getByText('Only an owner can change this account.').waitFor();
  assert.equal(await theirs.getByRole('link', { name: /^Change|^Suspend/ }).count(), 0);
  // Their own people they do look after.
  await person(theirs, 'olaf');
  await inDialog(theirs, 'Change name', (dialog) => dialog.getByLabel('Name').fill('Olaf R. Rehm'));
  await theirs.getByRole('heading', { level: 1, name: 'Olaf R. Rehm' }).waitFor();
  await recorded(theirs, /Bruno Keller|bruno@/, ['Name', 'Olaf Rehm', 'Olaf R. Rehm']);
  assert.equal(await theirs.getByText('pia@').count(), 0, 'others’ acts are not theirs to see');
});

walk('a long list has pages', async (enter) => {
  const { page, context } = await enter({ as: owner, at: PEOPLE });
  const csrf = await page.locator('input[name="csrf"]').first().inputValue();
  for (let n = 10; n < 50; n += 1) {
    const form = { csrf, name: `Visitor ${n}`, local: `visitor${n}`, domain: 'example.test', roles: 'member', role: 'member' };
    assert.equal((await context.request.post(`${web}${PEOPLE}/add`, { form })).status(), 200);
  }
  await page.goto(`${web}${PEOPLE}`);
  const first = await names(page);
  assert.equal(first.length, 50);
  await follow(page, 'Next');
  const second = await names(page);
  const all = await page.getByRole('link', { name: /^Everybody/ }).innerText();
  assert.equal(new Set([...first, ...second]).size, Number(all.match(/\d+/)[0]));
  assert.ok(second.length > 2, second.join());
  await follow(page, 'From the beginning');
  assert.deepEqual(await names(page), first);
  await search(page, 'visitor4');
  assert.deepEqual(await names(page), Array.from({ length: 10 }, (_, n) => `Visitor 4${n}`));
  await follow(page, /^Waiting/, page.getByRole('navigation', { name: 'Who is shown' }));
  assert.equal((await names(page)).length, 10);
  await follow(page, /^Suspended/, page.getByRole('navigation', { name: 'Who is shown' }));
  await page.getByText('Nobody fits “visitor4”').waitFor();
});

walk('who is suspended is out at once, and comes back', async (enter) => {
  const { page } = await enter({ as: owner });
  const { page: theirs, context } = await enter({ as: greta, at: '/mail' });
  await person(page, greta.address);
  await page.locator('section', { hasText: 'Sign-ins in a browser' }).getByText('Signed in').first().waitFor();
  await inDialog(page, 'Suspend', async () => {}, 'Suspend Greta Müller');
  await toast(page).getByText('Greta Müller is suspended.').waitFor();
  await go(theirs, () => theirs.locator('[data-list] a').first().click());
  assert.equal(new URL(theirs.url()).pathname, '/sign-in');
  await theirs.locator('input[autocomplete="username"]').fill(greta.address);
  await theirs.locator('input[autocomplete="current-password"]').fill(greta.password);
  assert.equal((await submit(theirs, 'input[autocomplete="current-password"]')).status(), 403);
  await recorded(page, /suspended Greta Müller|suspended greta@/);
  await person(page, greta.address);
  await page.getByText('This account is suspended').waitFor();
  await press(page, 'Resume');
  await toast(page).getByText('can sign in again').waitFor();
  await context.clearCookies();
  await signIn(theirs, greta, { at: `${web}/sign-in?next=/mail` });
  assert.ok(await theirs.locator('[data-list] a').count(), 'all is there again');
  await takeBack(page, 'is suspended');
  await takeBack(page, 'can sign in again');
  await recorded(page, /resumed Greta Müller|resumed greta@/);
});

walk('what is changed is told, taken back and recorded', async (enter) => {
  const { page } = await enter({ as: owner });
  const at = await person(page, lars.address);
  await inDialog(page, 'Change name', (dialog) => dialog.getByLabel('Name').fill('Lars B. Brandt'));
  await recorded(page, /renamed/, ['Name', 'Lars Brandt', 'Lars B. Brandt']);
  await page.goto(at);
  await inDialog(page, 'Change name', (dialog) => dialog.getByLabel('Name').fill('Lars'));
  await takeBack(page, 'The name is changed');
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Lars B. Brandt');

  const wrong = await inDialog(page, 'Change space', (dialog) => dialog.getByLabel('Space for mail').fill('lots'));
  assert.equal(wrong.status(), 422);
  assert.match(await focused(page), /still to be put right/);
  assert.equal(await page.getByLabel('Space for mail').inputValue(), 'lots');
  await page.getByLabel('Space for mail').fill('3');
  await press(page, 'Save');
  await page.getByText('a limit of their own').waitFor();
  await takeBack(page, 'as everybody else');
  await recorded(page, /changed the space/, ['Space', '3 GiB', 'as everybody else']);

  await page.goto(at);
  const address = (dialog, local) => dialog.getByLabel('Address').fill(local);
  assert.equal((await inDialog(page, 'Add an address', (dialog) => address(dialog, 'greta'), 'Add the address')).status(), 422);
  await page.locator('#local').fill('treasurer');
  await press(page, 'Add the address');
  await toast(page).getByText('treasurer@example.test is added.').waitFor();
  await takeBack(page, 'treasurer@example.test is removed');
  await takeBack(page, 'treasurer@example.test is added');
  await press(page, 'Remove treasurer@example.test');
  await recorded(page, /removed the address treasurer@example.test/, ['Leads to', 'lars@example.test', '']);

  await page.goto(at);
  await inDialog(page, 'Change role', (dialog) => dialog.getByRole('radio', { name: /^Helper/ }).check());
  await toast(page).getByText('The role is now: Helper').waitFor();
  await recorded(page, /changed the role/, ['Role', 'Member', 'Helper']);
});

walk('a setting is found, changed, in force at once and taken back', async (enter) => {
  const { page } = await enter({ as: owner, at: '/admin/settings' });
  assert.ok((await page.getByRole('heading', { level: 2 }).allInnerTexts()).length > 4, 'they stand in groups');
  assert.equal(await page.getByText('Changed', { exact: true }).count(), 0);
  await search(page, 'undo');
  const setting = page.locator('.setting');
  assert.equal(await setting.count(), 1);
  const wrong = await inDialog(page, /^Change/, (dialog) => dialog.getByLabel('Time to undo sending').fill('a while'));
  assert.equal(wrong.status(), 422);
  await look(page, wrong, 'setting-again', { signedIn: true });
  assert.match(await page.locator('.error').innerText(), /Give a whole number/);
  const field = page.getByLabel('Time to undo sending');
  assert.equal(await field.inputValue(), 'a while');
  await field.fill('0');
  await press(page, 'Save');
  await toast(page).getByText('“Time to undo sending” is changed.').waitFor();

  const { page: theirs } = await enter({ as: lars });
  const send = async (subject) => {
    await theirs.goto(`${web}/mail/compose`);
    await theirs.getByLabel('To', { exact: true }).fill(greta.address);
    await theirs.getByLabel('Subject').fill(subject);
    await press(theirs, 'Send');
  };
  await send('At once');
  await toast(theirs).getByText('Sent.').waitFor();
  await takeBack(page, 'is changed');
  await send('In a moment');
  await toast(theirs).getByText(/^Sending in a moment/).first().waitFor();

  await page.goto(`${web}/admin/settings?q=undo`);
  await page.getByText('The default', { exact: true }).waitFor();
  await recorded(page, /Time to undo sending|send\.undo/);
  await page.goto(`${web}/admin/settings/send.undo`);
  assert.equal(await page.locator('tbody tr').count(), 2, 'both changes are told');
});
