// npm @langchain/openai.
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI } from '@langchain/openai';

export const name = '@langchain/openai';
export const reference = (gate) => `layer:${gate}`;
export const has = { reasoning: true };

export function connect({ baseURL, key }) {
  const model = (ask) => new ChatOpenAI({
    model: ask.model, apiKey: key, configuration: { baseURL }, maxRetries: 0, useResponsesApi: false, streamUsage: true,
    ...(ask.effort && { modelKwargs: { reasoning_effort: ask.effort } }),
  });
  const bound = (ask) => (ask.tools
    ? model(ask).bindTools(ask.tools.map(({ run, ...f }) => ({ type: 'function', function: f })))
    : model(ask));

  async function text(ask) {
    return told(await bound(ask).invoke(ask.messages ?? [new HumanMessage({ content: content(ask) })], { signal: ask.signal }));
  }

  async function stream(ask) {
    let whole;
    let reasoning = '';
    for await (const chunk of await bound(ask).stream(ask.messages ?? [new HumanMessage({ content: content(ask) })], { signal: ask.signal })) {
      whole = whole ? whole.concat(chunk) : chunk;
      reasoning += chunk.additional_kwargs.reasoning_content ?? '';
      ask.seen?.(chunk.text);
    }
    return { ...told(whole), reasoning };
  }

  async function loop(ask, how) {
    const messages = [new HumanMessage({ content: content(ask) })];
    const calls = [];
    for (;;) {
      const answer = await (how === 'stream' ? stream : text)({ ...ask, messages });
      messages.push(answer.message);
      if (!answer.message.tool_calls?.length) return { ...answer, calls };
      for (const { id, name: called, args } of answer.message.tool_calls) {
        calls.push({ name: called, args });
        messages.push(new ToolMessage({ tool_call_id: id, content: ask.tools.find((t) => t.name === called).run(args) }));
      }
    }
  }

  async function object(ask, how) {
    const to = model(ask).withStructuredOutput(ask.schema, { name: 'answer', method: 'jsonSchema', strict: true });
    if (how !== 'stream') return to.invoke(ask.prompt);
    let last;
    for await (const part of await to.stream(ask.prompt)) last = part;
    return last;
  }

  return { text, stream, loop, object };
}

export function failure(err) {
  if (typeof err?.message !== 'string') throw err;
  return {
    status: err.status, code: err.code ?? err.error?.code, message: err.message,
    retryAfter: err.headers?.get?.('retry-after') ?? undefined,
  };
}

function content({ prompt, image }) {
  if (!image) return prompt;
  return [{ type: 'text', text: prompt }, { type: 'image_url', image_url: { url: image } }];
}

function told(message) {
  const u = message.usage_metadata;
  return {
    message, text: message.text, finish: message.response_metadata.finish_reason,
    reasoning: message.additional_kwargs.reasoning_content ?? '',
    usage: u && { input: u.input_tokens, output: u.output_tokens },
  };
}
