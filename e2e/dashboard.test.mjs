// What the dashboard's pages show of real requests, how they look, and that everybody can read them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { accessible, evil, fill, ids, open, picture } from './dashboard.mjs';

const timeout = 60_000;
let site;
let rows;
let visit; // that most tests share: a new one takes a second
let page;
before(async () => {
  site = await open();
  [rows, visit] = await Promise.all([fill(site), site.visit()]);
  page = visit.page;
});
after(() => site?.stop());

const text = (page, at) => page.locator(at).innerText();
const texts = (page, at) => page.locator(at).allInnerTexts();
const exported = async (where) => (await site.get(where)).json();

/** Every page: where it is, its heading, and what it must say of the requests. */
const pages = {
  overview: { where: () => '', h1: 'Overview', async shows(page) {
    const all = Object.values(rows);
    const tiles = await texts(page, '#totals .tile');
    assert.ok(tiles.some((t) => t.startsWith('Requests') && t.includes(String(all.length))), tiles.join('; '));
    for (const [table, name] of [['gate', 'assistant'], ['model', 'gpt-4o'], ['provider', 'anthropic'], ['key', 'team']]) {
      assert.match(await text(page, `#by-${table} tbody`), new RegExp(name));
    }
    assert.match(await text(page, '#budgets'), /team[^]*of \$50\.00 monthly/);
    const charts = page.locator('figure.chart');
    assert.ok(await charts.count() >= 5);
    assert.equal(await page.locator('figure.chart canvas').count(), await charts.count());
    for (const canvas of await page.locator('figure.chart canvas').all()) {
      assert.ok(await canvas.evaluate((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0)), 'a chart is drawn');
    }
  } },
  requests: { where: () => 'requests', h1: 'Requests', async shows(page) {
    assert.deepEqual(await rowIDs(page), Object.values(rows).map((r) => r.id).reverse(), 'the newest is on top');
    assert.match(await text(page, `tr[data-id="${rows.plain.id}"]`), /ok\s+assistant\s+openai\/gpt-4o\s+web\s+9 \/ 4\s+\$0\.000063/);
    assert.match(await text(page, `tr[data-id="${rows.unpriced.id}"]`), /unpriced/);
  } },
  request: { where: () => `requests/${rows.fallback.id}`, h1: 'Request ', async shows(page) {
    const answer = rows.fallback.json();
    assert.equal(await page.locator('#attempts tbody tr').count(), answer.layer.attempts);
    assert.equal(await page.locator('#attempts .timeline svg').count(), answer.layer.attempts);
    assert.deepEqual(await texts(page, '#attempts tbody tr:last-child :is(th, .state)'), ['anthropic/claude-sonnet-4-5', 'ok']);
    assert.equal(await text(page, '#bill tfoot .number'), '$' + fixed(answer.cost));
    const amounts = (await texts(page, '#bill tbody td:last-child')).map((a) => Number(a.slice(1)));
    assert.ok(amounts.length >= 2 && Math.abs(amounts.reduce((a, b) => a + b) - answer.cost) < 1e-12, amounts.join(' + '));
    assert.match(await text(page, '#payload-request'), /on=openai,status=503/);
    assert.match(await text(page, '#payload-answer'), /You said: hi/);
  } },
  gates: { where: () => 'gates', h1: 'Gates', async shows(page) {
    assert.deepEqual((await texts(page, '#gates h2 a')).sort(), ['assistant', 'claude', 'echo', 'keyless', 'unpriced', evil].sort());
    const one = await text(page, `[data-gate="${ids.assistant}"]`);
    for (const part of [/anthropic\/claude-sonnet-4-5/, /\$2\.50 in, \$10\.00 out per million/, /of \$10\.00 daily/, /4 requests/, /Declared in/]) assert.match(one, part);
    assert.match(await text(page, `[data-gate="${ids.unpriced}"]`), /price unknown/);
  } },
  gate: { where: () => `gates/${ids.assistant}`, h1: 'assistant', async shows(page) {
    assert.match(await text(page, '#used tbody'), /gpt-4o/);
    assert.match(await text(page, 'main'), /You are a helpful assistant\./);
    assert.match(await text(page, 'main'), /A request may set\s+temperature\s+Strict\s+no/);
  } },
  keys: { where: () => 'keys', h1: 'Keys', async shows(page) {
    const team = await text(page, 'tr[data-key="team"]');
    for (const part of [/valid/, /of \$50\.00 monthly/, /6,000 requests in 1m/, /configuration/, /\d{4}-\d\d-\d\d/]) assert.match(team, part);
  } },
  providers: { where: () => 'providers', h1: 'Providers', async shows(page) {
    assert.match(await text(page, '[data-provider="anthropic"]'), /healthy[^]*Requests\s+3\s[^]*19,999 of 20,000 requests\s+said \d+ (s|min) ago/);
    assert.match(await text(page, '[data-provider="refused"] tbody'), /refused/);
    assert.match(await text(page, '[data-provider="openai"] tbody'), /gpt-4o/);
  } },
  models: { where: () => 'models', h1: 'Models and prices', async shows(page) {
    assert.match(await text(page, '#unpriced'), /local\/gpt-4o/);
    assert.match(await text(page, '#models tbody'), /openai\/gpt-4o\s+\$2\.50\s+\$1\.25\s+\S+\s+\$10\.00/);
    assert.match(await text(page, '#catalog'), /Version/);
    assert.equal(await page.locator('#prices tbody tr').count(), 25);
  } },
  missing: { where: () => 'requests/nothing', h1: 'Not found', said: [/404/], async shows(page) {
    assert.match(await text(page, '[role=alert]'), /no such request/);
  } },
  login: { where: () => 'keys', h1: 'Log in', login: false, said: [/401/], async shows(page) {
    assert.equal(await page.locator('#key').getAttribute('type'), 'password');
  } },
};

const rowIDs = (page) => page.locator('#rows tr').evaluateAll((trs) => trs.map((tr) => tr.dataset.id));
const fixed = (n) => n.toFixed(12).replace(/0+$/, '');

const looks = {
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  phone: { colorScheme: 'light', viewport: { width: 360, height: 780 }, isMobile: true, hasTouch: true },
};

for (const [look, options] of Object.entries(looks)) {
  test(`pages: ${look}`, { timeout }, async (t) => {
    const inside = look === 'light' ? visit : await site.visit(options);
    for (const [name, p] of Object.entries(pages)) {
      await t.test(name, async () => {
        const { page, context } = inside;
        const cookies = await context.cookies();
        if (p.login === false) await context.clearCookies();
        await inside.go(p.where());
        assert.ok((await text(page, 'h1')).startsWith(p.h1), await text(page, 'h1'));
        await p.shows(page);
        inside.well(p.said);
        await picture(page, `${name}-${look}`);
        await accessible(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wide <= 0, `the page is ${wide} px too wide`);
        const hidden = await page.evaluate(() => {
          const here = document.querySelector('#nav [aria-current]')?.getBoundingClientRect();
          return here ? Math.max(-here.left, here.right - innerWidth) : 0;
        });
        assert.ok(hidden <= 1, `${hidden} px of the page's name are out of sight`);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
        assert.equal(ground.every((c) => c < 64), options.colorScheme === 'dark', `the ground is ${ground}`);
        await context.addCookies(cookies);
      });
    }
    if (inside !== visit) await inside.close();
  });
}

test('pages without JavaScript', { timeout }, async (t) => {
  const visit = await site.visit({ javaScriptEnabled: false });
  for (const [name, p] of Object.entries(pages)) {
    if (p.login === false) continue;
    await t.test(name, async () => {
      await visit.go(p.where());
      assert.ok((await text(visit.page, 'h1')).startsWith(p.h1));
      if (name === 'overview') {
        const counts = await visit.page.locator('#chart-requests tbody td').evaluateAll((cells) => cells.map((td) => Number(td.dataset.v)));
        assert.equal(counts.reduce((a, b) => a + b), Object.keys(rows).length, 'the chart is a table');
      } else {
        await p.shows(visit.page);
      }
      visit.well(p.said);
    });
  }
  await visit.close();
});

test('what a request lost, and what was put over it', { timeout }, async () => {
  await visit.go(`requests/${rows.dropped.id}`);
  assert.deepEqual((await text(page, '#dropped')).split(/\s+/).sort(), ['logit_bias', 'seed']);
  await visit.go(`requests/${rows.overridden.id}`);
  assert.equal((await text(page, '#overridden')).trim(), 'max_tokens');
  await visit.go(`requests/${rows.failed.id}`);
  assert.equal(await text(page, '#outcome'), 'provider_error');
  assert.match(await text(page, 'main'), /502 provider_auth/);
  await visit.go(`requests/${rows.cached.id}`);
  assert.match(await text(page, '#usage'), /of it from the cache\s+2/);
  visit.well();
});

test('the overview adds up, and narrows down', { timeout }, async () => {
  await visit.go('?by=model');
  const all = await exported('requests.json');
  assert.equal(all.length, Object.keys(rows).length);
  const answers = Object.values(rows).map((r) => { try { return r.json().cost ?? 0; } catch { return Number(/"cost":([\d.e-]+)/.exec(r.text)[1]); } });
  const spend = Number((await page.locator('#totals .tile', { hasText: 'Spend' }).locator('.value').innerText()).slice(1));
  assert.ok(Math.abs(spend / answers.reduce((a, b) => a + b) - 1) < 0.01, `${spend} is the sum of ${answers}`);

  await page.click('#ranges >> text=24 hours');
  assert.equal(new URL(page.url()).searchParams.get('range'), '24h');
  assert.equal(await text(page, '#ranges [aria-current]'), '24 hours');
  assert.equal(await text(page, '#by [aria-current]'), 'Models', 'the rest of the URL is kept');
  await page.click('#by-key >> text=team');
  await page.waitForSelector('#narrowed');
  assert.match(await page.locator('#totals .tile', { hasText: 'Requests' }).innerText(), /Requests\s+1\s/);
  await page.click('#narrowed a:last-child');
  await page.waitForSelector('#narrowed', { state: 'detached' });
  await page.goto(site.admin + '?from=2020-01-01T00:00&to=2020-01-03T00:00');
  assert.match(await text(page, '#empty'), /Nothing was asked/);
  visit.well();
});

test('each measure over time, told apart or together', { timeout }, async () => {
  for (const [by, name] of [['gate', 'assistant'], ['model', 'openai/gpt-4o'], ['provider', 'anthropic'], ['key', 'team']]) {
    await visit.go(`?range=24h&by=${by}`);
    const heads = await page.locator('figure.chart').evaluateAll((figures) => figures.map((f) => [f.id, [...f.querySelectorAll('thead th')].map((th) => th.textContent)]));
    assert.deepEqual(heads.map(([id]) => id), ['spend', 'requests', 'tokens', 'errors', 'latency', 'first'].map((id) => 'chart-' + id));
    for (const [id, names] of heads) assert.ok(names.includes(name), `${id} has ${names}`);
  }
  await page.click('#by >> text=Together');
  await page.waitForURL(/by=all/);
  const sum = (head) => page.locator('#chart-tokens').evaluate((f, head) => {
    const at = [...f.querySelectorAll('thead th')].findIndex((th) => th.textContent === head) - 1;
    return [...f.querySelectorAll('tbody tr')].reduce((all, tr) => all + Number(tr.querySelectorAll('td')[at].dataset.v), 0);
  }, head);
  const all = await exported('requests.json');
  const tokens = (name) => all.reduce((n, r) => n + (r.usage?.[name] ?? r.Usage?.[name] ?? 0), 0);
  assert.equal(await sum('input') + await sum('input from cache'), tokens('input'));
  assert.equal(await sum('output'), tokens('output'));

  // The number under the pointer is said in each chart, and of when it is.
  await page.locator('#chart-requests .u-over').hover();
  assert.match(await text(page, '#chart-requests .legend'), /answered \d+\s+failed \d+/);
  assert.match(await text(page, '#chart-tokens figcaption'), /Tokens\s+\d{4}-\d\d-\d\d \d\d:\d\d/);
  await picture(page, 'overview-together');
  visit.well();
});

test('the list of prices', { timeout }, async () => {
  await visit.go('models');
  await page.fill('#l-text', 'claude-sonnet-4-5');
  await page.selectOption('#l-type', 'anthropic');
  await page.click('#list-form button');
  await page.waitForURL(/q=claude-sonnet-4-5/);
  assert.match((await texts(page, '#prices tbody tr'))[0], /anthropic\/claude-sonnet-4-5\s+\$3\.00\s+\$0\.30\s+\$3\.75\s+\$15\.00/);
  const list = await exported(await page.locator('#list #json').getAttribute('href'));
  assert.equal(list.length, await page.locator('#prices tbody tr').count());
  assert.equal(list[0].output, 15);
  visit.well();
});

test('charts follow the colours of the system', { timeout }, async () => {
  const visit = await site.visit({ colorScheme: 'light' });
  await visit.go('');
  const drawn = () => visit.page.locator('#chart-requests canvas').evaluate((c) => c.toDataURL());
  const light = await drawn();
  await visit.page.emulateMedia({ colorScheme: 'dark' });
  await visit.page.waitForFunction((was) => document.querySelector('#chart-requests canvas')?.toDataURL() !== was, light);
  visit.well();
  await visit.close();
});

test('all of it by keyboard', { timeout }, async () => {
  await visit.go('requests');
  const focus = () => page.evaluate(() => document.activeElement.textContent.trim());
  await page.keyboard.press('Tab');
  assert.equal(await focus(), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
  await visit.go('requests');
  for (const name of ['Overview', 'Requests', 'Gates', 'Keys', 'Providers', 'Models']) {
    // The skip link and the name of the whole come first.
    for (let i = 0; i < 20 && await focus() !== name; i++) await page.keyboard.press('Tab');
    await Promise.all([page.waitForEvent('load'), page.keyboard.press('Enter')]);
    assert.equal(await text(page, '#nav [aria-current]'), name);
  }
  visit.well();
});
