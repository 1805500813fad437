// What the dashboard's tests share: a gateway with one, requests to fill it, and a browser that is watched.
import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { key, start } from './stack.mjs';

/** What opens the dashboard, and client keys: web, which may do all, team, which has a budget, and one of an evil name. */
export const adminKey = 'an-admin-key-for-the-browser';
export const teamKey = 'layer_' + 'fedcba9876543210'.repeat(4);
export const evilKey = 'layer_' + '00112233445566ff'.repeat(4);

/** What must show as it stands wherever somebody can write it. */
export const evil = `"'><img src=x onerror=alert(1)><script>alert(2)</script><svg/onload=alert(3)>`;

export const ids = Object.fromEntries(['assistant', 'echo', 'claude', 'keyless', 'unpriced', 'evil'].map((name, i) => [
  name, `22222222-0000-4000-8000-00000000000${i}`,
]));

const screenshots = path.join(import.meta.dirname, 'screenshots');
const axe = readFile(path.join(import.meta.dirname, 'node_modules/axe-core/axe.min.js'), 'utf8');

/** A gateway whose dashboard is at /admin/, and the browser. */
export async function open() {
  const stack = await start(caddyfile);
  try {
    const browser = await chromium.launch({
      executablePath: process.env.CHROMIUM_BIN ?? '/usr/bin/chromium',
      // A container has no sandbox and little shared memory. A stranger's names lead here.
      args: ['--no-sandbox', '--disable-dev-shm-usage', '--host-resolver-rules=MAP *.example 127.0.0.1'],
    });
    const site = {
      ...stack, browser, admin: stack.url + '/admin/',
      stop: () => browser.close().finally(() => stack.stop()),
    };
    return { ...site, ask: (body, more) => ask(site, body, more), get: (where) => get(site, where), visit: (options) => visit(site, options) };
  } catch (err) {
    await stack.stop();
    throw err;
  }
}

// ask makes a request as an application does, and waits until the ledger has it, unless recorded is false.
async function ask(site, body, { as = key, headers, signal, prompt = 'good day', recorded = true } = {}) {
  const res = await fetch(site.baseURL + '/chat/completions', {
    method: 'POST', signal,
    headers: { authorization: `Bearer ${as}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: prompt }], ...body }),
  });
  const text = await res.text();
  const id = res.headers.get('x-layer-request-id');
  if (recorded) await inLedger(site, id);
  return { id, status: res.status, text, json: () => JSON.parse(text) };
}

// inLedger waits until a row is in the database: its page is there a little earlier.
async function inLedger(site, id) {
  for (let i = 0; i < 200; i++) {
    if ((await (await get(site, 'requests.json')).text()).includes(id)) return;
    await new Promise((done) => setTimeout(done, 50));
  }
  assert.fail(`the ledger does not get request ${id}`);
}

// get asks the dashboard as a program does.
function get(site, where) {
  return fetch(site.admin + where, { headers: { authorization: `Bearer ${adminKey}` } });
}

/**
 * A browser of its own that has been logged in, unless login is false. well() fails if a page wrote an error or a
 * warning to the console (so does a violation of the content security policy), threw, opened a dialog or asked
 * another host; expect lists what the console may say.
 */
async function visit(site, { login = true, ...options } = {}) {
  const context = await site.browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  context.setDefaultTimeout(15_000);
  const problems = [];
  const own = (url) => new URL(url).origin === site.url;
  await context.route((url) => !own(url), (route) => route.abort());
  context.on('request', (r) => { if (!own(r.url())) problems.push(`asked ${r.url()}`); });
  context.on('console', (m) => { if (['error', 'warning'].includes(m.type())) problems.push(`console: ${m.text()} (${m.location().url})`); });
  context.on('weberror', (e) => problems.push(`threw: ${e.error()}`));
  const page = await context.newPage();
  let told = [];
  page.on('dialog', async (dialog) => {
    if (told.length === 0) problems.push(`opened a dialog: ${dialog.message()}`);
    await (told.shift() ? dialog.accept() : dialog.dismiss());
  });
  if (login) {
    // The session that the login gives, without the page.
    const res = await context.request.post(site.admin + 'login', { form: { key: adminKey }, maxRedirects: 0 });
    assert.equal(res.status(), 303);
  }
  return {
    page, context,
    go: (where) => page.goto(site.admin + where),
    /** Waits until something was noticed. */
    async noticed(what) {
      for (let i = 0; i < 500 && !problems.some((p) => what.test(p)); i++) await new Promise((done) => setTimeout(done, 20));
      assert.ok(problems.some((p) => what.test(p)), `${what} is not among: ${problems.join('; ')}`);
    },
    /** What the next dialogs are answered. */
    answer: (...answers) => { told = answers; },
    well(expect = []) {
      const left = problems.splice(0).filter((p) => !expect.some((e) => e.test(p)));
      assert.deepEqual(left, []);
    },
    close: () => context.close(),
  };
}

/** Fails on what keeps people from reading or using the page. */
export async function accessible(page) {
  await page.evaluate(await axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  const grave = violations.filter((v) => ['serious', 'critical'].includes(v.impact));
  assert.deepEqual(grave.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).slice(0, 3).join(' ')}`), []);
}

/** Makes a request of every kind that the pages tell apart. It returns what ask does, by name. */
export async function fill({ ask }) {
  const all = {};
  for (const [name, body, more] of [
    ['plain', { model: 'assistant', user: 'ada' }, { headers: { 'x-layer-session-id': 'session-1' } }],
    ['stream', { model: 'assistant', stream: true, temperature: 0.2 }, { as: teamKey, prompt: 'count [[chunks=40]]' }],
    ['dropped', { model: 'claude', seed: 3, logit_bias: { 5: -1 } }],
    ['overridden', { model: 'assistant', max_tokens: 5 }],
    ['cached', { model: 'claude' }, { prompt: 'one two three four [[cached=2]]' }],
    ['failed', { model: 'keyless' }],
    ['unpriced', { model: 'unpriced' }],
    ['rejected', { model: 'nobody' }],
    ['evil', { model: evil, user: evil }, { as: evilKey, prompt: evil, headers: { 'user-agent': evil, 'x-layer-session-id': evil } }],
    ['unknown', { model: 'no ' + evil }, { as: evilKey }],
    // At the end, since OpenAI is let alone after it.
    ['fallback', { model: 'assistant' }, { prompt: 'hi [[on=openai,status=503]]' }],
  ]) all[name] = await ask(body, more);
  return all;
}

/** Keeps a picture of the whole page, for people to look at. */
export async function picture(page, name) {
  await mkdir(screenshots, { recursive: true });
  await page.screenshot({ path: path.join(screenshots, name + '.png'), fullPage: true, animations: 'disabled' });
}

function caddyfile(port, { base_urls: at, keys }) {
  return `{
	admin off
	auto_https off
	persist_config off
	grace_period 1s
	layer_gateway {
		ledger sqlite {
			payloads
		}
	}
}

http://:${port} {
	bind 127.0.0.1
	handle_path /admin* {
		layer_dashboard {
			admin_key ${adminKey}
		}
	}
	layer_gateway {
		api_key ${key} {
			name web
		}
		api_key ${teamKey} {
			name team
			budget 50 monthly
			rate_limit 6000 1m
		}
		api_key ${evilKey} {
			name \`${evil}\`
		}
		gates_store
		provider openai {
			base_url ${at.openai}
			api_key ${keys.openai}
		}
		provider anthropic {
			base_url ${at.anthropic}
			api_key ${keys.anthropic}
		}
		provider refused openai {
			base_url ${at.openai}
			api_key sk-not-a-key-of-this-provider
		}
		provider local openai {
			base_url ${at.openai}
			api_key ${keys.openai}
		}
		provider echo

		gate ${ids.assistant} {
			name assistant
			description "Answers questions of the public"
			model openai/gpt-4o
			fallback anthropic/claude-sonnet-4-5
			strategy fallback
			system_prompt "You are a helpful assistant."
			max_tokens 1024
			allow_overrides temperature
			budget 10 daily
			rate_limit 6000 1m
		}
		gate ${ids.echo} {
			name echo
			model echo/echo
		}
		gate ${ids.claude} {
			name claude
			model anthropic/claude-sonnet-4-5
		}
		gate ${ids.keyless} {
			name keyless
			model refused/gpt-4o
		}
		gate ${ids.unpriced} {
			name unpriced
			model local/gpt-4o
		}
		gate ${ids.evil} {
			name \`${evil}\`
			description \`${evil}\`
			model \`echo/${evil}\`
			system_prompt \`${evil}\`
		}
	}
	respond "the site"
}
`;
}
