// Every client, against every gate, in every scenario; with providers of lesser fame, the official client does
// all and the others the core.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import * as ai from './clients/ai.mjs';
import * as langchain from './clients/langchain.mjs';
import * as openai from './clients/openai.mjs';
import { scenarios } from './scenarios.mjs';
import { can, gates, key, more, start, targets } from './stack.mjs';

let stack;
before(async () => { stack = await start(); });
after(() => stack?.stop());

for (const sdk of [openai, ai.chat, ai.compatible, langchain]) {
  describe(sdk.name, { concurrency: 8 }, () => each(sdk, (scenario) => !scenario.alone));
  describe(`${sdk.name}, one by one`, () => each(sdk, (scenario) => scenario.alone));
}

function each(sdk, picked) {
  for (const gate of [...targets, ...more]) {
    for (const scenario of scenarios.filter(picked)) {
      if (scenario.needs && !scenario.needs.every((what) => can(gate, what))) continue;
      if (more.includes(gate) && sdk !== openai && !scenario.core) continue;
      test(`${gate}: ${scenario.name}`, { timeout: 60_000 }, () => scenario.run(bench(sdk, gate, scenario)));
    }
  }
}

// bench is what a scenario works with.
function bench(sdk, gate, scenario) {
  const tag = [sdk.name, gate, scenario.name].join('-').replaceAll(/[^a-z0-9-]+/g, '.');
  const open = (k) => sdk.connect({ baseURL: stack.baseURL, key: k });
  const journal = (outcome, count) => stack.journal(tag, outcome, count);
  return {
    gate,
    client: open(key),
    signed: sdk.has.signatures,
    reasoning: sdk.has.reasoning,
    journal,
    picture: stack.picture,
    ask: ({ prompt, ...more }) => ({ model: sdk.reference(gate, gates[gate].id), prompt: `${prompt} [[tag=${tag}]]`, ...more }),
    // with is the same with a wrong key, or another gate.
    with: (wrong = {}) => ({ client: open(wrong.key ?? key), model: wrong.gate && { model: sdk.reference(wrong.gate, wrong.gate) } }),
    // asked is the journal, once n requests are answered; there must be no other.
    async asked(n) {
      const entries = await journal('answered', n);
      assert.deepEqual(entries.map((e) => e.refusal ?? e.outcome), Array(n).fill('answered'));
      return entries;
    },
    // fails is what the SDK tells of an error.
    async fails(asking) {
      const err = await asking().then(() => assert.fail('it did not fail'), (e) => e);
      return sdk.failure(err);
    },
  };
}
