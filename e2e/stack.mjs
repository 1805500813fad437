// Starts what the tests talk to: the stand-ins for the providers, and the gateway in front of them.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { promisify } from 'node:util';

const repository = path.resolve(import.meta.dirname, '..');

/** The gateway's key for clients. */
export const key = 'layer_' + '0123456789abcdef'.repeat(4);

/**
 * The providers beside OpenAI, Anthropic and Google: a gate for each, of the same name, with the model and what
 * its stand-in cannot do; at and key are those of the stand-in, if not /v1 and openai. addresses: it takes images by their bytes alone, so that the gateway fetches them.
 */
const others = {
  azure: { model: 'gpt-5-mini', lacks: ['told'] },
  mistral: { model: 'mistral-medium-latest' },
  groq: { model: 'openai/gpt-oss-120b' },
  deepseek: { model: 'deepseek-chat', lacks: ['schema'] },
  xai: { model: 'grok-4.5' },
  openrouter: { model: 'moonshotai/kimi-k2' },
  together: { model: 'openai/gpt-oss-20b' },
  fireworks: { model: 'accounts/fireworks/models/glm-5' },
  perplexity: { model: 'sonar-pro', lacks: ['tools', 'reasoning', 'cached'] },
  cerebras: { model: 'gpt-oss-120b' },
  moonshot: { model: 'kimi-k2.5' },
  alibaba: { model: 'qwen3-max' },
  ollama: { model: 'qwen3:8b', lacks: ['addresses', 'cached'] },
  cohere: { model: 'command-a-reasoning-08-2025', at: '/v2' },
  bedrock: { model: 'eu.anthropic.claude-sonnet-4-5-20250929-v1:0', at: '', settings: 'region eu-central-1', lacks: ['addresses'] },
  vertex: { model: 'gemini-2.5-flash', key: 'google' },
  vllm: { model: 'Qwen/Qwen3-8B', lacks: ['cached'] },
};

/**
 * The gates: each one model of one provider, but for fallback. lacks is what a model cannot do; told: that it
 * tells its reasoning.
 */
export const gates = {
  'openai': { id: '11111111-0000-4000-8000-000000000001', model: 'openai/gpt-4o', lacks: ['reasoning'] },
  'openai-reasoning': { id: '11111111-0000-4000-8000-000000000002', model: 'openai/gpt-5', lacks: ['told'] },
  'anthropic': { id: '11111111-0000-4000-8000-000000000003', model: 'anthropic/claude-sonnet-4-5' },
  'anthropic-adaptive': { id: '11111111-0000-4000-8000-000000000004', model: 'anthropic/claude-opus-5' },
  'google': { id: '11111111-0000-4000-8000-000000000005', model: 'google/gemini-3-flash-preview' },
  'google-unsigned': { id: '11111111-0000-4000-8000-000000000006', model: 'google/gemini-2.5-flash' },
  'fallback': { id: '11111111-0000-4000-8000-000000000007', model: 'openai/gpt-4o', fallback: 'anthropic/claude-sonnet-4-5 google/gemini-2.5-flash' },
  'echo': { id: '11111111-0000-4000-8000-000000000009', model: 'echo/echo' },
  'keyless': { id: '11111111-0000-4000-8000-000000000008', model: 'refused/gpt-4o' },
  ...Object.fromEntries(Object.entries(others).map(([name, o], i) => [name, {
    ...o, id: `11111111-0000-4000-8000-0000000001${String(i).padStart(2, '0')}`, model: `${name}/${o.model}`,
  }])),
};

/** Gates that everything runs against, one a model generation of each dialect, and those of the other providers. */
export const targets = Object.keys(gates).slice(0, 6);
export const more = Object.keys(others);

/** Whether a gate's provider can do something. */
export const can = (gate, what) => !gates[gate].lacks?.includes(what);

/**
 * Starts everything; stop() ends it and removes what it wrote. write gives the gateway's Caddyfile, for a port and
 * what the stand-ins say of themselves: its site must let key list the models.
 */
export async function start(write = caddyfile) {
  const dir = await mkdtemp(path.join(tmpdir(), 'layer-e2e-'));
  const ended = [];
  const stop = async () => {
    for (const end of ended.reverse()) await end();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    const [gatewayBin, upstreamBin] = await Promise.all([
      process.env.LAYER_GATEWAY_BIN ?? build('./cmd/caddy', path.join(dir, 'gateway')),
      process.env.LAYER_UPSTREAM_BIN ?? build('./internal/upstream/cmd/upstream', path.join(dir, 'upstream')),
    ]);
    const upstream = await startUpstream(upstreamBin, ended);
    const url = await startGateway(gatewayBin, dir, write, upstream, ended);
    return { url, baseURL: url + '/v1', key, picture: upstream.url + '/picture.png', journal: (tag, wait, count) => journal(upstream, tag, wait, count), stop };
  } catch (err) {
    await stop();
    throw err;
  }
}

async function build(pkg, out) {
  await promisify(execFile)('go', ['build', '-o', out, pkg], { cwd: repository });
  return out;
}

// startUpstream reads the line that the program prints once it listens.
async function startUpstream(bin, ended) {
  const child = spawn(bin, [], { stdio: ['pipe', 'pipe', 'inherit'] });
  ended.push(() => finish(child));
  for await (const line of readline.createInterface({ input: child.stdout })) return JSON.parse(line);
  throw new Error('the stand-ins for the providers ended before they listened');
}

// startGateway tries a few ports, since one that was free may be taken a moment later.
async function startGateway(bin, dir, write, upstream, ended) {
  for (let attempt = 0; ; attempt++) {
    const port = await freePort();
    const file = path.join(dir, `Caddyfile${attempt}`);
    await writeFile(file, write(port, upstream));
    const child = spawn(bin, ['run', '--config', file, '--adapter', 'caddyfile'], {
      cwd: dir, stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir, E2E_OPENAI_KEY: upstream.keys.openai },
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (s) => { log = (log + s).slice(-20_000); });
    const url = `http://127.0.0.1:${port}`;
    if (await answers(child, url)) {
      ended.push(() => finish(child));
      return url;
    }
    await finish(child);
    if (attempt === 4 || !log.includes('address already in use')) throw new Error('the gateway did not start:\n' + log);
  }
}

// answers waits until the gateway lists its models; false if it ends instead, or says nothing for a minute.
async function answers(child, url) {
  for (let i = 0; i < 600 && child.exitCode === null; i++) {
    const ok = await fetch(url + '/v1/models', { headers: { authorization: `Bearer ${key}` } }).then((r) => r.ok, () => false);
    if (ok) return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function finish(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  const late = setTimeout(() => child.kill('SIGKILL'), 5000);
  child.stdin?.end();
  child.kill('SIGTERM');
  await gone;
  clearTimeout(late);
}

function caddyfile(port, { url, base_urls: at, keys }) {
  const family = more.map((name) => `
		provider ${name} {
			base_url ${url}/${name}${gates[name].at ?? '/v1'}
			api_key ${keys[gates[name].key ?? 'openai']}
			${gates[name].settings ?? ''}
		}`);
  const all = Object.entries(gates).map(([name, g]) => `
		gate ${g.id} {
			name ${name}
			model ${g.model}${g.fallback ? `
			fallback ${g.fallback}
			strategy fallback` : ''}
		}`);
  return `{
	admin off
	auto_https off
	persist_config off
	grace_period 1s
}

http://127.0.0.1:${port} {
	bind 127.0.0.1
	layer_gateway {
		api_key ${key} {
			name e2e
		}
		fetch_urls public 127.0.0.0/8
		provider openai {
			base_url ${at.openai}
			api_key {env.E2E_OPENAI_KEY}
		}
		provider anthropic {
			base_url ${at.anthropic}
			api_key ${keys.anthropic}
		}
		provider google {
			base_url ${at.google}
			api_key ${keys.google}
		}
		provider echo
		provider refused openai {
			base_url ${at.openai}
			api_key sk-not-a-key-of-this-provider
		}
${family.join('')}
${all.join('\n')}
	}
}
`;
}

// journal is what the providers were asked under a tag; with wait, as soon as count entries have that outcome.
async function journal(upstream, tag, wait, count = 1) {
  const query = new URLSearchParams({ tag, ...(wait && { wait, count }) });
  const res = await fetch(`${upstream.journal}?${query}`, { signal: AbortSignal.timeout(20_000) });
  return (await res.json()).entries;
}
