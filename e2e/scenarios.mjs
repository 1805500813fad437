// What every client does with every gate. Each scenario has a tag of its own, under which the providers'
// journal keeps what they were asked. The prompts' directives are those of internal/upstream. What makes the
// gateway leave a provider in peace for a moment runs alone.
import assert from 'node:assert/strict';

import { can } from './stack.mjs';

const png = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR4nGNgAAIAAAUAAXpeqz8AAAAASUVORK5CYII=';

const tools = [{
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object', required: ['city'], additionalProperties: false,
    properties: { city: { type: 'string', description: 'Its name' } },
  },
  run: ({ city }) => `sunny in ${city}`,
}];

const schema = {
  type: 'object', required: ['city', 'kind', 'people', 'tags'], additionalProperties: false,
  properties: {
    city: { type: 'string' }, people: { type: 'integer' }, kind: { type: 'string', enum: ['capital', 'town'] },
    tags: { type: 'array', items: { type: 'string' } },
  },
};

const both = ['text', 'stream'];
const words = (n) => Array.from({ length: n }, (_, i) => `w${i + 1}`).join(' ');

/**
 * A scenario: needs, what the gate's provider must be able to do; core, that each client does it with every
 * provider; run, what happens. x has the client, ask() which adds gate and tag to a request, and asked(), what
 * the provider was asked under that tag.
 */
export const scenarios = [
  ...both.map((how) => ({
    name: `text (${how})`,
    core: true,
    async run(x) {
      const got = await x.client[how](x.ask({ prompt: 'good day' }));
      assert.equal(got.text, 'You said: good day');
      assert.equal(got.finish, 'stop');
      const [billed] = await x.asked(1);
      assert.deepEqual(got.usage, { input: billed.usage.input, output: billed.usage.output });
    },
  })),
  {
    name: 'long stream',
    async run(x) {
      const seen = [];
      const got = await x.client.stream(x.ask({ prompt: 'count [[chunks=200]]', seen: (s) => s && seen.push(s) }));
      assert.equal(got.text, words(200));
      assert.equal(seen.length, 200, 'each chunk by itself');
      assert.equal(seen.join(''), words(200));
    },
  },
  {
    name: 'cached tokens',
    async run(x) {
      const got = await x.client.text(x.ask({ prompt: 'one two three [[cached=2]]' }));
      const [billed] = await x.asked(1);
      assert.equal(billed.usage.cached, 2);
      assert.equal(got.usage.input, billed.usage.input, 'cached tokens are part of the prompt');
      if (got.cached !== undefined) assert.equal(got.cached, can(x.gate, 'cached') ? 2 : 0);
    },
  },
  ...both.flatMap((how) => [undefined, 'low'].map((effort) => ({
    name: `tools, two rounds of two calls (${how}${effort ? ', reasoning' : ''})`,
    needs: effort ? ['tools', 'reasoning'] : ['tools'],
    core: !effort,
    async run(x) {
      const got = await x.client.loop(x.ask({ prompt: 'weather [[calls=2,rounds=2]]', tools, effort }), how);
      const round = ['Paris', 'Tokyo'].map((city) => ({ name: 'get_weather', args: { city } }));
      assert.deepEqual(got.calls, [...round, ...round]);
      const told = ['Paris', 'Tokyo', 'Paris', 'Tokyo'].map((city) => `get_weather=sunny in ${city}`).join('; ');
      assert.equal(got.text, `Results: ${told}`);
      const asked = await x.asked(3);
      if (x.signed) assertSigned(x.gate, asked[2].body, effort);
    },
  }))),
  ...both.map((how) => ({
    name: `text in front of a call (${how})`,
    needs: ['tools'],
    async run(x) {
      const got = await x.client.loop(x.ask({ prompt: 'weather [[preface]]', tools }), how);
      assert.deepEqual(got.calls, [{ name: 'get_weather', args: { city: 'Paris' } }]);
      assert.equal(got.text, 'Results: get_weather=sunny in Paris');
    },
  })),
  ...both.map((how) => ({
    name: `vision (${how})`,
    async run(x) {
      const data = await x.client[how](x.ask({ prompt: 'look', image: png }));
      assert.equal(data.text, 'You said: look I see an image of 68 bytes (image/png).');
      const fetched = !can(x.gate, 'addresses');
      const url = await x.client[how](x.ask({ prompt: 'look', image: fetched ? x.picture : 'https://example.org/a.png' }));
      assert.equal(url.text, fetched ? data.text : 'You said: look I see an image at https://example.org/a.png.');
    },
  })),
  ...both.map((how) => ({
    name: `structured output (${how})`,
    needs: ['schema'],
    async run(x) {
      const got = await x.client.object(x.ask({ prompt: 'a city', schema }), how);
      assert.deepEqual({ ...got }, { city: 'Paris', kind: 'capital', people: 1, tags: ['Paris'] });
    },
  })),
  ...both.map((how) => ({
    name: `reasoning (${how})`,
    needs: ['reasoning'],
    async run(x) {
      const got = await x.client[how](x.ask({ prompt: 'why', effort: 'low' }));
      assert.equal(got.text, 'You said: why');
      const [billed] = await x.asked(1);
      assert.equal(billed.usage.reasoning, 3, 'the provider was asked to think');
      assert.equal(got.usage.output, billed.usage.output, 'reasoning is part of the completion');
      if (x.reasoning && can(x.gate, 'told')) assert.equal(got.reasoning, 'Thinking about why');
    },
  })),
  {
    name: 'abort in mid-stream',
    async run(x) {
      const abort = new AbortController();
      let seen = '';
      const asking = x.client.stream(x.ask({
        prompt: '[[chunks=100000,slow=5]]', signal: abort.signal,
        seen: (s) => { seen += s; if (seen) abort.abort(); },
      }));
      await assert.rejects(asking);
      const [entry] = await x.journal('cancelled');
      assert.equal(entry.outcome, 'cancelled');
      assert.ok(entry.chunks < 100000);
      assert.match(seen, /^w1/);
    },
  },
  {
    name: 'abort before the answer',
    async run(x) {
      const abort = new AbortController();
      const asking = assert.rejects(x.client.text(x.ask({ prompt: '[[hang]]', signal: abort.signal })));
      await x.journal('running');
      abort.abort();
      await asking;
      const entries = await x.journal('cancelled');
      assert.equal(entries.length, 1, 'nothing is tried for a client that is gone');
    },
  },
  ...[
    { name: 'wrong key', wrong: { key: 'layer_' + 'f'.repeat(64) }, status: 401, code: 'invalid_api_key', asked: 0 },
    { name: 'unknown gate', wrong: { gate: 'nobody' }, status: 404, code: 'gate_not_found', asked: 0 },
    { name: 'rate limit', prompt: '[[status=429,retry-after=0.001]]', status: 429, code: 'provider_rate_limited', retryAfter: '1', alone: true },
    { name: 'bad request', prompt: '[[status=400]]', status: 400, says: /The request was refused, as it asked|contains an invalid argument/, asked: 1 },
    { name: 'overloaded', prompt: '[[status=503]][[on=anthropic,status=529]]', status: 503, code: 'provider_overloaded' },
    { name: 'broken', prompt: '[[status=500]]', status: 502, code: 'provider_error' },
    { name: 'first event is an error', prompt: '[[error-event]]', status: (s) => s === 502 || s === 503, streamed: true },
  ].flatMap((row) => (row.streamed ? ['stream'] : both).map((how) => ({
    name: `${row.name} (${how})`,
    alone: row.alone,
    async run(x) {
      const got = await x.fails(() => x.with(row.wrong).client[how](x.ask({ prompt: row.prompt ?? 'hi', ...x.with(row.wrong).model })));
      if (typeof row.status === 'function') assert.ok(row.status(got.status), `status ${got.status}`);
      else assert.equal(got.status, row.status, got.message);
      if (row.code) assert.equal(got.code, row.code);
      if (row.says) assert.match(got.message, row.says);
      if (row.retryAfter && got.retryAfter !== undefined) assert.equal(got.retryAfter, row.retryAfter);
      if (row.asked !== undefined) assert.equal((await x.journal()).length, row.asked);
    },
  }))),
  ...['cut=3', 'error-event=3'].map((order) => ({
    name: `broken in mid-stream (${order.split('=')[0]})`,
    async run(x) {
      let seen = '';
      const got = await x.fails(() => x.client.stream(x.ask({ prompt: `[[chunks=9,${order}]]`, seen: (s) => { seen += s; } })));
      assert.equal(seen, words(3), 'what came before is kept, and nothing is added');
      assert.ok(got.message.length > 0);
      assert.equal((await x.journal()).length, 1, 'no second try after content');
    },
  })),
];

// assertSigned looks into the last request of a loop: the signatures that the provider gave came back to it,
// not the sentinel that stands for lost ones.
function assertSigned(gate, body, effort) {
  const text = JSON.stringify(body);
  assert.ok(!text.includes('skip_thought_signature_validator'), 'the signature is the real one');
  if (gate === 'google') assert.equal(text.match(/"thoughtSignature":/g)?.length, 2);
  if (gate.startsWith('anthropic') && effort) {
    const signed = body.messages.flatMap((m) => (Array.isArray(m.content) ? m.content : [])).filter((b) => b.type === 'thinking');
    assert.equal(signed.length, 2);
    assert.ok(signed.every((b) => b.signature));
  }
}
