// What the gateway adds to OpenAI's format, as the official client sees it.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import OpenAI from 'openai';

import { gates, start } from './stack.mjs';

let stack;
let client;
before(async () => {
  stack = await start();
  client = new OpenAI({ baseURL: stack.baseURL, apiKey: stack.key, maxRetries: 0 });
});
after(() => stack?.stop());

const hello = (tag, prompt = 'good day') => [{ role: 'user', content: `${prompt} [[tag=${tag}]]` }];
const priced = ['openai', 'openai-reasoning', 'anthropic', 'google-unsigned'];

for (const gate of priced) {
  test(`${gate}: usage, cost and route of an answer`, async () => {
    const tag = `body-${gate}`;
    const { data, response } = await client.chat.completions.create({ model: gate, messages: hello(tag) }).withResponse();
    const [{ usage: billed }] = await stack.journal(tag, 'answered');
    assertBill(data.usage, billed);
    assert.equal(data.cost, data.usage.cost);
    const [provider, model] = gates[gate].model.split('/');
    assertRoute(data.layer, gate, provider, model);
    assert.equal(response.headers.get('x-layer-request-id'), data.layer.request_id);
    assert.equal(response.headers.get('x-layer-gate-id'), gates[gate].id);
    assert.equal(response.headers.get('x-layer-provider'), provider);
    assert.equal(response.headers.get('x-layer-attempts'), '1');
    for (const foreign of ['set-cookie', 'alt-svc', 'openai-organization', 'anthropic-organization-id']) {
      assert.equal(response.headers.get(foreign), null, `${foreign} is the provider's own`);
    }
  });

  test(`${gate}: usage of a stream, if it is asked for`, async () => {
    const tag = `usage-${gate}`;
    const chunks = await all(client.chat.completions.create({
      model: gate, messages: hello(tag), stream: true, stream_options: { include_usage: true },
    }));
    const [{ usage: billed }] = await stack.journal(tag, 'answered');
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assertBill(last.usage, billed);
    assertRoute(last.layer, gate, ...gates[gate].model.split('/'));
    assert.ok(chunks.every((c) => c.usage === null && c.choices.length === 1));
    assertFrame(chunks);
  });

  test(`${gate}: no usage chunk, if it is not`, async () => {
    const tag = `plain-${gate}`;
    const chunks = await all(client.chat.completions.create({ model: gate, messages: hello(tag), stream: true }));
    const [{ usage: billed }] = await stack.journal(tag, 'answered');
    assert.ok(chunks.every((c) => !c.usage && c.choices.length === 1));
    const end = chunks.findLast((c) => c.choices[0].finish_reason);
    assert.ok(end.cost > 0, 'the end says what it cost');
    assertRoute(end.layer, gate, ...gates[gate].model.split('/'));
    assert.ok(billed.output > 0, 'the gateway asked for usage all the same');
    assertFrame(chunks);
  });
}

for (const gate of Object.keys(gates).slice(0, 6)) {
  for (const stream of [false, true]) {
    test(`${gate}: the SDK's own loop over tools (${stream ? 'stream' : 'text'})`, async () => {
      const runner = client.chat.completions.runTools({
        model: gate, stream, messages: hello(`loop-${gate}-${stream}`, 'weather [[calls=2,rounds=2]]'),
        tools: [{ type: 'function', function: {
          name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } },
          function: ({ city }) => `sunny in ${city}`, parse: JSON.parse,
        } }],
      });
      const told = ['Paris', 'Tokyo', 'Paris', 'Tokyo'].map((city) => `get_weather=sunny in ${city}`).join('; ');
      assert.equal(await runner.finalContent(), `Results: ${told}`);
    });
  }
}

test('fallback: the next provider answers, and the client notices nothing', async () => {
  for (const stream of [false, true]) {
    const tag = `fallback-${stream}`;
    const messages = hello(tag, 'good day [[on=openai,status=500]][[on=anthropic,status=529]]');
    const asked = client.chat.completions.create({ model: 'fallback', messages, stream });
    const text = stream ? (await all(asked)).map((c) => c.choices[0]?.delta.content ?? '').join('') : (await asked).choices[0].message.content;
    assert.equal(text, 'You said: good day');
    const providers = (await stack.journal(tag)).map((e) => e.provider);
    assert.deepEqual([...new Set(providers)], ['openai', 'anthropic', 'google']);
  }
});

test('fallback: from one provider to another in the middle of a loop', async () => {
  const tools = [{ type: 'function', function: { name: 'now', parameters: { type: 'object', properties: {} } } }];
  const ask = (gate, messages) => client.chat.completions.create({ model: gate, messages, tools, reasoning_effort: 'low' });
  const order = ['anthropic', 'google', 'openai-reasoning', 'anthropic-adaptive', 'google-unsigned', 'anthropic', 'google'];
  const messages = hello('travel', `weather [[rounds=${order.length}]]`);
  for (const gate of order) {
    const { message } = (await ask(gate, messages)).choices[0];
    assert.equal(message.tool_calls.length, 1, gate);
    messages.push(message, { role: 'tool', tool_call_id: message.tool_calls[0].id, content: gate });
  }
  const last = await ask('anthropic', messages);
  assert.equal(last.choices[0].message.content, `Results: ${order.map((gate) => `now=${gate}`).join('; ')}`);
});

test('a provider that refuses the gateway is not the client\'s fault', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'keyless', messages: hello('keyless') }), (err) => {
    assert.equal(err.status, 502);
    assert.equal(err.code, 'provider_auth');
    assert.ok(!err.message.includes('sk-not-a-key'));
    return true;
  });
});

test('echo says what it was told, at once and in a stream', async () => {
  const messages = [{ role: 'user', content: 'good day' }];
  const { choices: [{ message }], usage } = await client.chat.completions.create({ model: 'echo', messages });
  assert.equal(message.content, 'good day');
  const chunks = await all(client.chat.completions.create({ model: 'echo', messages, stream: true, stream_options: { include_usage: true } }));
  assert.equal(chunks.map((c) => c.choices[0]?.delta.content ?? '').join(''), 'good day');
  assert.deepEqual(chunks.pop().usage.completion_tokens, usage.completion_tokens);
  assertFrame(chunks);
});

test('an error has a request id', async () => {
  await assert.rejects(client.chat.completions.create({ model: 'nobody', messages: hello('nobody') }), (err) => {
    assert.ok(err instanceof OpenAI.NotFoundError);
    assert.equal(err.param, 'gateId');
    assert.ok(err.headers.get('x-layer-request-id'));
    return true;
  });
});

test('models are the gates', async () => {
  const ids = (await all(client.models.list())).map((m) => m.id);
  assert.ok(ids.includes('openai') && ids.includes('fallback'), ids.join());
  const { id } = await client.models.retrieve('openai');
  assert.equal(id, 'openai');
});

async function all(asked) {
  const found = [];
  for await (const part of await asked) found.push(part);
  return found;
}

// assertBill holds usage against what the provider billed.
function assertBill(usage, billed) {
  assert.equal(usage.prompt_tokens, billed.input);
  assert.equal(usage.completion_tokens, billed.output);
  assert.equal(usage.total_tokens, billed.input + billed.output);
  assert.equal(usage.completion_tokens_details?.reasoning_tokens ?? 0, billed.reasoning);
  assert.ok(usage.cost > 0, `cost ${usage.cost}`);
  assert.equal(usage.cost_details.status, 'exact');
  const { input, cached_input: cached, cache_write: write, output } = usage.cost_details;
  assert.ok(Math.abs(input + cached + write + output - usage.cost) < 1e-9, 'the parts are the whole');
}

function assertRoute(layer, gate, provider, model) {
  assert.equal(layer.gate, gate);
  assert.equal(layer.gate_id, gates[gate].id);
  assert.equal(layer.provider, provider);
  assert.ok(layer.model.startsWith(model), layer.model);
  assert.equal(layer.attempts, 1);
  assert.equal(typeof layer.latency_ms, 'number');
}

// assertFrame: one id, model and time throughout, the role once and first, one end.
function assertFrame(chunks) {
  for (const field of ['id', 'model', 'created', 'object']) {
    assert.equal(new Set(chunks.map((c) => c[field])).size, 1, field);
  }
  assert.deepEqual(chunks.map((c) => c.choices[0].delta.role).filter(Boolean), ['assistant']);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.filter((c) => c.choices[0].finish_reason).length, 1);
}
