// npm ai, with either of its providers that speak chat completions.
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, Output, generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

export const chat = {
  name: '@ai-sdk/openai',
  reference: (gate) => `layer/${gate}`,
  has: {},
  connect: ({ baseURL, key }) => connect(createOpenAI({ baseURL, apiKey: key }).chat, 'openai'),
  failure,
};

export const compatible = {
  name: '@ai-sdk/openai-compatible',
  reference: (gate, id) => id,
  has: { reasoning: true },
  connect: ({ baseURL, key }) => connect(createOpenAICompatible({
    name: 'layer', baseURL, apiKey: key, includeUsage: true, supportsStructuredOutputs: true,
    supportedUrls: () => ({ 'image/*': [/^https:/] }),
  }), 'layer'),
  failure,
};

function connect(provider, options) {
  const request = (ask) => ({
    model: provider(ask.model),
    messages: [{ role: 'user', content: content(ask) }],
    maxRetries: 0,
    abortSignal: ask.signal,
    ...(ask.effort && { providerOptions: { [options]: { reasoningEffort: ask.effort } } }),
    ...(ask.schema && { output: Output.object({ schema: jsonSchema(ask.schema) }) }),
    ...(ask.tools && {
      tools: Object.fromEntries(ask.tools.map((t) => [t.name, tool({
        description: t.description, inputSchema: jsonSchema(t.parameters), execute: async (args) => t.run(args),
      })])),
      stopWhen: stepCountIs(8),
    }),
  });

  async function text(ask) {
    const r = await generateText(request(ask));
    return told(r, ask.schema && r.output);
  }

  async function stream(ask) {
    const r = streamText({ ...request(ask), onError: () => {} });
    for await (const part of r.fullStream) {
      if (part.type === 'error') throw part.error;
      if (part.type === 'abort') throw new DOMException('aborted', 'AbortError');
      if (part.type === 'text-delta') ask.seen?.(part.text);
    }
    const all = ['text', 'reasoningText', 'finishReason', 'usage', 'steps'];
    const values = await Promise.all(all.map((k) => r[k]));
    return told(Object.fromEntries(all.map((k, i) => [k, values[i]])), ask.schema && await r.output);
  }

  const run = (ask, how) => (how === 'stream' ? stream : text)(ask);
  return { text, stream, loop: run, object: async (ask, how) => (await run(ask, how)).object };
}

function failure(err) {
  if (!APICallError.isInstance(err)) {
    // An error event within a stream arrives as the event's own value.
    const e = err?.error ?? err;
    if (e instanceof Error || typeof e?.message !== 'string') throw err;
    return { code: e.code, message: e.message };
  }
  const { error } = JSON.parse(err.responseBody);
  return { status: err.statusCode, code: error.code, message: error.message, retryAfter: err.responseHeaders?.['retry-after'] };
}

function content({ prompt, image }) {
  if (!image) return prompt;
  return [{ type: 'text', text: prompt }, { type: 'image', image: image.startsWith('data:') ? image : new URL(image) }];
}

function told(r, object) {
  return {
    text: r.text, finish: r.finishReason, reasoning: r.reasoningText ?? '', object,
    usage: { input: r.usage.inputTokens, output: r.usage.outputTokens },
    calls: r.steps.flatMap((s) => s.toolCalls.map((c) => ({ name: c.toolName, args: c.input }))),
  };
}
