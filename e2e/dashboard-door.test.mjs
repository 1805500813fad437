// Who may come into the dashboard, and that what others wrote does nothing there.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { adminKey, evil, fill, ids, open, picture } from './dashboard.mjs';

const timeout = 60_000;
let site;
let rows;
before(async () => {
  site = await open();
  rows = await fill(site);
});
after(() => site?.stop());

const text = (page, at) => page.locator(at).innerText();

test('the watch over pages sees what must not be', { timeout }, async () => {
  const visit = await site.visit();
  await visit.go('');
  for (const [what, act] of [
    [/Content Security Policy/, () => { document.body.append(Object.assign(document.createElement('script'), { textContent: 'alert(1)' })); }],
    [/Content Security Policy|asked/, () => { document.body.append(Object.assign(new Image(), { src: 'http://other.example/x.png' })); }],
    [/threw/, () => { setTimeout(() => { throw new Error('on purpose'); }); }],
    [/dialog/, () => { alert(1); }],
    [/asked http:\/\/other\.example/, () => { location.assign('http://other.example/'); }],
  ]) {
    await visit.page.evaluate(act);
    await visit.noticed(what);
    assert.throws(() => visit.well());
  }
  await visit.close();
});

test('login', { timeout }, async () => {
  const visit = await site.visit({ login: false });
  const { page, context } = visit;
  const where = `requests/${rows.plain.id}`;
  const first = await visit.go(where);
  assert.equal(first.status(), 401);
  assert.ok(!(await page.content()).includes('session-1'), 'nothing of the page is told');
  for (const wrong of ['not-the-admin-key-at-all', site.key, adminKey.toUpperCase()]) {
    await page.fill('#key', wrong);
    await page.click('#login-button');
    assert.match(await text(page, '[role=alert]'), /not the admin key/);
    assert.deepEqual(await context.cookies(), []);
  }
  await picture(page, 'login-wrong');
  await page.fill('#key', adminKey);
  await page.click('#login-button');
  await page.waitForSelector('#bill');
  assert.equal(page.url(), site.admin + where, 'the way goes on to where it was wanted');
  const [cookie] = await context.cookies();
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.path], [true, 'Strict', '/admin']);
  assert.equal(await page.evaluate(() => document.cookie), '');

  await page.click('#logout');
  await page.waitForSelector('#login');
  await context.addCookies([cookie]);
  assert.equal((await visit.go('keys')).status(), 401, 'what was logged out stays out');
  visit.well([/status of 401/]);
  await visit.close();
});

test('nothing opens without the key', { timeout }, async (t) => {
  const inside = ['', 'requests', 'requests.csv', 'requests.json', 'overview.csv', 'overview.json', 'requests/live', `requests/${rows.plain.id}`,
    'gates', `gates/${ids.echo}`, 'keys', 'providers', 'models', 'api/anything'];
  for (const where of inside) {
    for (const authorization of [undefined, 'Bearer wrong', `Bearer ${site.key}`, `Basic ${btoa('admin:' + adminKey)}`]) {
      const res = await fetch(site.admin + where, { headers: authorization ? { authorization } : {} });
      assert.equal(res.status, 401, `${where} with ${authorization}`);
      assert.ok(!(await res.text()).includes(rows.plain.id.slice(0, 13)) || where.startsWith('requests/'), where);
    }
  }
  await t.test('forms', async () => {
    for (const where of ['keys', 'keys/x/revoke', 'keys/x/rotate', `gates/${ids.echo}/chat`]) {
      const res = await fetch(site.admin + where, { method: 'POST', body: new URLSearchParams({ name: 'thief' }) });
      assert.equal(res.status, 401, where);
    }
    assert.ok(!(await (await site.get('keys')).text()).includes('thief'));
  });
  for (const [where, body] of [['healthz', 'ok\n'], ['readyz', 'ok\n']]) assert.equal(await (await fetch(site.admin + where)).text(), body);
});

test('a stranger\'s page', { timeout }, async () => {
  // Its own name leads to the gateway.
  const rebound = await site.browser.newPage();
  const port = new URL(site.url).port;
  const res = await rebound.goto(`http://rebound.example:${port}/admin/`);
  assert.equal(res.status(), 403);
  assert.equal(await rebound.locator('form').count(), 0);
  await rebound.close();

  // It sends a form and a script across, in a browser that is logged in.
  const visit = await site.visit();
  const { page, context } = visit;
  await visit.go('keys');
  await context.route('http://stranger.example/', (route) => route.fulfill({
    contentType: 'text/html',
    body: `<form method="post" action="${site.admin}keys"><input name="name" value="thief"><button>win</button></form>`,
  }));
  await page.goto('http://stranger.example/');
  const [answer] = await Promise.all([page.waitForResponse(site.admin + 'keys'), page.click('button')]);
  assert.equal(answer.status(), 403);

  // Not even the site's own pages may frame it.
  await page.goto(site.url + '/page');
  await page.evaluate((url) => { document.body.append(Object.assign(document.createElement('iframe'), { src: url, id: 'f' })); }, site.admin);
  await page.frameLocator('#f').locator('body').waitFor({ state: 'attached' });
  await visit.noticed(/frame/i);
  assert.equal(await page.frameLocator('#f').locator('main').count(), 0, 'it can\'t be framed');
  await visit.close();
  assert.ok(!(await (await site.get('keys')).text()).includes('thief'));

  // The key alone is not enough across, either.
  const across = await fetch(site.admin + 'keys', {
    method: 'POST', headers: { authorization: `Bearer ${adminKey}`, origin: 'http://stranger.example' }, body: new URLSearchParams({ name: 'thief' }),
  });
  assert.equal(across.status, 403);
});

test('what others wrote is text', { timeout }, async (t) => {
  const q = encodeURIComponent(evil);
  const row = JSON.parse(await (await site.get(`requests.json?session=${q}`)).text());
  assert.equal(row.length, 1, 'the filter takes it as it stands');
  const visit = await site.visit();
  const { page } = visit;
  for (const [name, where, times] of [
    ['overview', '', 3],
    ['narrowed overview', `?gate=${q}&key=${q}&model=${q}&provider=${q}&by=${q}`, 4],
    ['requests', 'requests', 4],
    ['filter', `requests?gate=${q}&key=${q}&session=${q}&user=${q}&model=${q}&provider=${q}&outcome=${q}`, 0],
    ['request', `requests/${rows.evil.id}`, 7],
    ['unknown gate', `requests/${rows.unknown.id}`, 2],
    ['gates', 'gates', 3],
    ['gate', `gates/${ids.evil}`, 4],
    ['keys', 'keys', 1],
    ['providers', 'providers', 1],
    ['models', 'models', 2],
    ['no such page', `requests/${q}`, 0],
  ]) {
    await t.test(name, async () => {
      await visit.go(where);
      await inert(page, times);
      visit.well(name === 'no such page' ? [/status of 404/] : []);
      if (times > 0) await picture(page, 'evil-' + name.replace(' ', '-'));
    });
  }
  await t.test('login', async () => {
    const stranger = await site.visit({ login: false });
    await stranger.go(`keys?x=${q}`);
    await inert(stranger.page, 0);
    stranger.well([/status of 401/]);
    await stranger.close();
    for (const back of ['//stranger.example/', 'http://stranger.example/', 'javascript:alert(1)', '\\\\stranger.example', evil]) {
      const res = await fetch(site.admin + 'login', { method: 'POST', redirect: 'manual', body: new URLSearchParams({ key: adminKey, back }) });
      assert.deepEqual([res.status, res.headers.get('location')], [303, './'], back);
    }
  });
  await t.test('row that comes', async () => {
    await visit.go('requests');
    await page.locator('#live-text').filter({ hasText: /^live$/ }).waitFor();
    const { id } = await site.ask({ model: evil, user: evil }, { prompt: evil });
    await page.waitForSelector(`tr.new[data-id="${id}"]`);
    assert.ok((await text(page, `tr[data-id="${id}"]`)).includes(evil));
    await inert(page, 4);
    visit.well();
  });
  await t.test('playground', async () => {
    await visit.go(`gates/${ids.evil}`);
    await page.fill('#try-prompt', evil);
    await page.check('#try-raw');
    await page.click('summary:has-text("as code")');
    await page.click('#try-send');
    await page.locator('#try-facts').filter({ hasText: 'the request' }).waitFor();
    assert.equal(await text(page, '#try-answer'), evil);
    await inert(page, 5);
    await picture(page, 'evil-playground');
    visit.well();
  });
  await t.test('a key of that name', async () => {
    await visit.go('keys');
    await page.fill('#k-name', evil + '2');
    await page.click('#key-make');
    await page.waitForSelector('#made');
    await inert(page, 2);
    visit.answer(true);
    await page.locator('.revoke').click();
    await page.locator('.state', { hasText: 'revoked' }).waitFor();
    visit.well();
  });
  await t.test('spreadsheet', async () => {
    await site.ask({ model: 'echo', user: '@SUM(A1)' }, { headers: { 'x-layer-session-id': '=1+1' } });
    const csv = await (await site.get('requests.csv')).text();
    assert.ok(csv.includes(`,'=1+1,`) && csv.includes(`,'@SUM(A1),`), 'nothing begins as a formula');
  });
  await visit.close();
});

// inert fails if anything of what was written became part of the page, or shows less often than it should.
async function inert(page, times) {
  assert.equal(await page.locator('img[src=x], main script, main svg[onload]').count(), 0);
  const shown = (await page.locator('main').innerText()).split(evil).length - 1;
  assert.ok(shown >= times, `it shows ${shown} times`);
}
