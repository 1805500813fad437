// The dashboard in use: rows that come, the playground, keys, filters, downloads.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';

import { accessible, fill, ids, open, picture, teamKey } from './dashboard.mjs';

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
const rowIDs = (page) => page.locator('#rows tr').evaluateAll((trs) => trs.map((tr) => tr.dataset.id));
const says = (page, at, what) => page.locator(at).filter({ hasText: what }).waitFor();

/** The text of a stream. */
const saidIn = (stream) => stream.split('\n').filter((l) => l.startsWith('data: {')).map((l) => JSON.parse(l.slice(6)).choices[0]?.delta?.content ?? '').join('');

test('rows come while requests run', { timeout }, async () => {
  await visit.go('requests');
  await says(page, '#live-text', /^live$/);
  const before = await rowIDs(page);
  const come = await Promise.all(Array.from({ length: 30 }, () => site.ask({ model: 'echo' })));
  for (const { id } of come) await page.waitForSelector(`#rows tr[data-id="${id}"]`);
  const now = await rowIDs(page);
  assert.deepEqual(now.slice(0, 30).sort(), come.map((r) => r.id).sort(), 'each once, on top');
  assert.deepEqual(now.slice(30), before);
  await picture(page, 'requests-live');
  await accessible(page);

  await page.click('#live-toggle');
  await says(page, '#live-text', 'paused');
  const missed = await site.ask({ model: 'echo' });
  assert.equal(await page.locator(`tr[data-id="${missed.id}"]`).count(), 0, 'none comes while it is paused');
  await page.click('#live-toggle');
  await says(page, '#live-text', /^live$/);
  await page.waitForSelector(`tr[data-id="${missed.id}"]`);
  const last = await site.ask({ model: 'echo' });
  await page.waitForSelector(`tr[data-id="${last.id}"]`);
  assert.deepEqual((await rowIDs(page)).slice(0, 2), [last.id, missed.id]);

  // More than a page of them: the rows begin anew, without a hole.
  await page.click('#live-toggle');
  await says(page, '#live-text', 'paused');
  const many = await Promise.all(Array.from({ length: 55 }, () => site.ask({ model: 'echo' })));
  await page.click('#live-toggle');
  await page.waitForFunction(() => document.querySelectorAll('#rows tr').length === 50);
  const ids = new Set(many.map((r) => r.id));
  assert.ok((await rowIDs(page)).every((id) => ids.has(id)));
  visit.well();
});

test('a hole between rows is filled in', { timeout }, async () => {
  let tell;
  const told = new Promise((resolve) => { tell = resolve; });
  await page.route('**/requests/live*', async (route) => {
    await told;
    await route.fulfill({ contentType: 'text/event-stream', body: 'retry: 60000\nevent: ready\ndata: missed\n\n' });
  });
  await visit.go('requests');
  const before = await rowIDs(page);
  await page.evaluate(() => { for (const row of [...document.querySelectorAll('#rows tr')].slice(2, 5)) row.remove(); });
  tell();
  await page.waitForSelector(`#rows tr[data-id="${before[3]}"]`);
  assert.deepEqual(await rowIDs(page), before, 'all, in their order');
  await page.unroute('**/requests/live*');
  visit.well();
});

test('only rows that fit the filter come', { timeout }, async () => {
  await visit.go('requests?key=team');
  await says(page, '#live-text', /^live$/);
  const other = await site.ask({ model: 'assistant' });
  const own = await site.ask({ model: 'assistant' }, { as: teamKey });
  await page.waitForSelector(`tr[data-id="${own.id}"]`);
  assert.equal(await page.locator(`tr[data-id="${other.id}"]`).count(), 0);
  visit.well();
});

test('playground: a stream', { timeout }, async () => {
  await visit.go(`gates/${ids.claude}`);
  await page.fill('#try-prompt', 'count [[chunks=9,stall=3]]');
  await page.check('#try-raw');
  await page.click('#try-send');
  await says(page, '#try-answer', 'w1 w2 w3');
  assert.equal(await text(page, '#try-answer'), 'w1 w2 w3', 'the answer is shown while it is made');
  assert.ok(await page.locator('#try-stop').isVisible());
  await picture(page, 'playground-running');
  await page.click('#try-stop');
  await says(page, '#try-facts', 'stopped');
  assert.ok(await page.locator('#try-send').isEnabled());

  await page.fill('#try-prompt', 'count [[chunks=9]]');
  await page.click('#try-send');
  await says(page, '#try-facts', 'the request');
  assert.equal(await text(page, '#try-answer'), 'w1 w2 w3 w4 w5 w6 w7 w8 w9');
  assert.match(await text(page, '#try-facts'), /anthropic\/claude-sonnet-4-5 · 1 attempt · 3 \+ 9 tokens · \$0\.000144 · first token after \d+ ms/);
  assert.match(await text(page, '#try-chunks'), /^data: \{[^]*"content":"w1"[^]*data: \[DONE\]\s*$/);
  const box = await page.locator('#try-chunks').evaluate((pre) => [pre.scrollHeight > pre.clientHeight, getComputedStyle(pre).overflowY]);
  assert.deepEqual(box, [true, 'auto'], 'what is too long is scrolled');
  await picture(page, 'playground');
  await accessible(page);
  await page.click('#try-facts a');
  await says(page, '#cost', '$0.00014');
  assert.match(await text(page, 'main'), /Key\s+dashboard/);
  visit.well();
});

test('playground: at once, and what goes wrong', { timeout }, async () => {
  await visit.go(`gates/${ids.claude}`);
  await page.uncheck('#try-stream');
  await page.fill('#try-system', 'be brief');
  await page.fill('#try-prompt', 'good day');
  await page.click('#try-send');
  await says(page, '#try-facts', '$0.000');
  assert.equal(await text(page, '#try-answer'), 'You said: good day');
  await visit.go(`gates/${ids.keyless}`);
  await page.click('#try-send');
  await says(page, '#try-facts', /^502: .* · the request$/s);
  await page.click('#try-facts a');
  assert.equal(await text(page, '#outcome'), 'provider_error');
  visit.well([/502/]);
});

test('playground: the request as code', { timeout }, async () => {
  await visit.context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await visit.go(`gates/${ids.echo}`);
  await page.click('summary:has-text("as code")');
  const prompt = `it's "so" \\ $HOME`;
  await page.fill('#try-prompt', prompt);
  const curl = await text(page, '#code');
  assert.match(curl, /^curl 'http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions'/);
  for (const [language, part] of [['js', 'import OpenAI from "openai"'], ['python', 'from openai import OpenAI'], ['go', 'package main'], ['curl', 'curl ']]) {
    await page.click(`[data-language=${language}]`);
    assert.ok((await text(page, '#code')).includes(part));
    assert.equal(await page.locator(`[data-language=${language}]`).getAttribute('aria-pressed'), 'true');
  }
  await picture(page, 'playground-code');
  await page.click('#code-copy');
  await says(page, '#code-copy', 'Copied');
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(copied.trim(), curl.trim());

  // What was copied works in a shell.
  const env = { ...process.env, LAYER_API_KEY: site.key };
  const run = promisify(execFile);
  const { stdout } = await run('bash', ['-c', copied], { env });
  assert.equal(saidIn(stdout), prompt);

  // And so do the programs.
  await page.click('[data-language=js]');
  const js = await text(page, '#code');
  assert.equal((await run(process.execPath, ['--input-type=module', '--eval', js], { env, cwd: import.meta.dirname })).stdout, prompt);
  await page.click('[data-language=go]');
  const dir = await mkdtemp(path.join(tmpdir(), 'layer-code-'));
  try {
    await writeFile(path.join(dir, 'main.go'), await text(page, '#code'));
    assert.equal(saidIn((await run('go', ['run', path.join(dir, 'main.go')], { env })).stdout), prompt);
  } finally {
    await rm(dir, { recursive: true });
  }
  visit.well();
});

test('a key: made, used, rotated, revoked', { timeout }, async () => {
  await visit.go('keys');
  await page.fill('#k-name', 'phone app');
  await page.fill('#k-budget', '5');
  await page.selectOption('#k-period', 'daily');
  await page.fill('#k-requests', '6,000');
  await page.fill('#k-tokens', '1000000');
  await page.check('fieldset input[value=echo]');
  await page.click('#key-make');
  const secret = (await text(page, '#key-text')).trim();
  assert.match(secret, /^layer_\w{32,}$/);
  await picture(page, 'keys-made');
  await accessible(page);

  const row = page.locator('tr[data-key="phone app"]');
  assert.match(await row.innerText(), /valid[^]*echo[^]*6,000 requests in 1m\s+1,000,000 tokens in 1m\s+\$5\.00 daily[^]*never[^]*store/);
  const used = await site.ask({ model: 'echo' }, { as: secret });
  assert.equal(used.status, 200);
  assert.equal((await site.ask({ model: 'claude' }, { as: secret })).status, 404, 'it may use its gates alone');
  await visit.go('keys');
  assert.equal(await page.locator('#made').count(), 0, 'it is shown once');
  assert.ok(!(await page.content()).includes(secret));
  await visit.go('requests?key=phone+app&outcome=ok');
  assert.deepEqual(await rowIDs(page), [used.id]);

  await visit.go('keys');
  await row.locator('select').selectOption('1h');
  await row.locator('.rotate').click();
  const fresh = (await text(page, '#key-text')).trim();
  assert.notEqual(fresh, secret);
  assert.match(await text(page, '#made'), /The text before works until/);
  for (const as of [secret, fresh]) assert.equal((await site.ask({ model: 'echo' }, { as })).status, 200);

  await visit.go('keys');
  visit.answer(false, true);
  await row.locator('.revoke').click();
  assert.match(await row.innerText(), /valid/, 'it was asked, and said no');
  assert.equal((await site.ask({ model: 'echo' }, { as: fresh })).status, 200);
  await row.locator('.revoke').click();
  await says(page, 'tr[data-key="phone app"] .state', 'revoked');
  for (const as of [secret, fresh]) assert.equal((await site.ask({ model: 'echo' }, { as, recorded: false })).status, 401);
  assert.equal(await row.locator('button').count(), 0);

  await page.fill('#k-name', 'x');
  await page.fill('#k-budget', 'much');
  await page.click('#key-make');
  assert.ok((await text(page, '#key-problem')).length > 10);
  assert.equal(await page.inputValue('#k-budget'), 'much', 'the form is kept');
  visit.well([/status of 422/]);
});

const filters = [
  { fill: { gate: 'claude' }, want: ['dropped', 'cached'] },
  { fill: { key: 'team' }, want: ['stream'] },
  { fill: { model: 'claude-sonnet-4-5', gate: 'assistant' }, want: ['fallback'] },
  { fill: { provider: 'local' }, want: ['unpriced'] },
  { fill: { outcome: 'provider_error' }, want: ['failed'] },
  { fill: { outcome: 'rejected' }, want: ['rejected', 'unknown'] },
  { fill: { session: 'session-1' }, want: ['plain'] },
  { fill: { user: 'ada' }, want: ['plain'] },
  { fill: { min_cost: '0.0004' }, want: ['stream'] },
  { fill: { to: '2020-01-01T00:00' }, want: [] },
  { fill: { from: '2020-01-01T00:00', key: 'team', outcome: 'ok' }, want: ['stream'] },
];

test('filters', { timeout }, async (t) => {
  for (const { fill: fields, want } of filters) {
    await t.test(JSON.stringify(fields), async () => {
      await visit.go('requests?' + new URLSearchParams(fields));
      const known = new Set(Object.values(rows).map((r) => r.id));
      assert.deepEqual((await rowIDs(page)).filter((id) => known.has(id)).sort(), want.map((name) => rows[name].id).sort());
      for (const [name, value] of Object.entries(fields)) assert.equal(await page.inputValue(`#filter [name=${name}]`), value);
      if (want.length === 0) assert.match(await text(page, '#no-rows'), /fit this filter/);
    });
  }
  const soon = new Date(Date.now() + 120_000).toISOString().slice(0, 16);
  await visit.go(`requests?from=${soon}`);
  assert.deepEqual(await rowIDs(page), [], 'none is of the time to come');
  await visit.go('requests');
  await page.click('#filters summary');
  await page.fill('#f-gate', 'assistant');
  await page.fill('#f-key', 'team');
  await page.selectOption('#f-outcome', 'ok');
  await page.click('#filter-button');
  await page.waitForURL(/outcome=ok/);
  assert.equal((await rowIDs(page)).at(-1), rows.stream.id);
  await visit.go('requests?min_cost=much');
  assert.match(await text(page, '#filters [role=alert]'), /not a number of dollars/);
  await page.click('#filter-clear');
  assert.equal(new URL(page.url()).search, '');
  visit.well();
});

test('pages of requests', { timeout }, async () => {
  const made = await Promise.all(Array.from({ length: 60 }, () => site.ask({ model: 'echo' }, { headers: { 'x-layer-session-id': 'many' } })));
  await visit.go('requests?session=many');
  const first = await rowIDs(page);
  assert.equal(first.length, 50);
  await page.click('#older');
  await page.waitForSelector('#newest');
  const second = await rowIDs(page);
  assert.deepEqual([...first, ...second].sort(), made.map((r) => r.id).sort(), 'each row once');
  assert.equal(await page.locator('#older').count(), 0);
  assert.equal(await page.locator('#live').count(), 0, 'no row comes where old ones are read');
  await page.click('#newest');
  await page.waitForSelector('#older');
  assert.deepEqual(await rowIDs(page), first);
  visit.well();
});

test('downloads', { timeout }, async () => {
  const download = async (link) => {
    const [file] = await Promise.all([page.waitForEvent('download'), page.click(link)]);
    return { name: file.suggestedFilename(), content: await readFile(await file.path(), 'utf8') };
  };
  await visit.go('requests?gate=claude&session=&key=web');
  const csv = await download('#csv');
  assert.equal(csv.name, 'requests.csv');
  const [head, ...lines] = csv.content.trim().split('\n').map((l) => l.split(','));
  assert.deepEqual(lines.map((l) => l[head.indexOf('id')]), [rows.cached.id, rows.dropped.id]);
  assert.equal(Number(lines[1][head.indexOf('cost_usd')]), rows.dropped.json().cost);
  assert.equal(lines[0][head.indexOf('cached_input_tokens')], '2');
  const json = await download('#json');
  assert.equal(json.name, 'requests.json');
  assert.equal(JSON.parse(json.content).length, 2);
  assert.ok(json.content.includes(rows.cached.id));

  await visit.go('?range=24h&by=gate');
  const sums = await download('#csv');
  assert.equal(sums.name, 'overview.csv');
  assert.match(sums.content, /assistant/);
  assert.ok(JSON.stringify(JSON.parse((await download('#json')).content)).includes('assistant'));
  visit.well();
});
