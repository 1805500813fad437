// npm openai, the official client.
import OpenAI, { APIError } from 'openai';

export const name = 'openai';
export const reference = (gate) => gate;
export const has = { reasoning: true, signatures: true };

export function connect({ baseURL, key }) {
  const client = new OpenAI({ baseURL, apiKey: key, maxRetries: 0 });

  const request = (ask) => ({
    model: ask.model,
    messages: ask.messages ?? [{ role: 'user', content: content(ask) }],
    ...(ask.effort && { reasoning_effort: ask.effort }),
    ...(ask.tools && { tools: ask.tools.map(({ run, ...f }) => ({ type: 'function', function: f })) }),
    ...(ask.schema && { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema: ask.schema, strict: true } } }),
  });

  async function text(ask) {
    const body = await client.chat.completions.create(request(ask), { signal: ask.signal });
    return { ...told(body), body };
  }

  // stream collects with the SDK's own helper, which checks the order of chunks.
  async function stream(ask) {
    const runner = client.chat.completions.stream(
      { ...request(ask), stream_options: { include_usage: true } }, { signal: ask.signal });
    let reasoning = '';
    for await (const chunk of runner) {
      reasoning += chunk.choices[0]?.delta.reasoning_content ?? '';
      ask.seen?.(chunk.choices[0]?.delta.content ?? '');
    }
    const body = await runner.finalChatCompletion();
    return { ...told(body), reasoning, body };
  }

  // loop sends the assistant's message back whole, as the SDK returned it.
  async function loop(ask, how) {
    const messages = [{ role: 'user', content: content(ask) }];
    const calls = [];
    for (;;) {
      const answer = await (how === 'stream' ? stream : text)({ ...ask, messages });
      const message = answer.body.choices[0].message;
      messages.push(message);
      if (!message.tool_calls?.length) return { ...answer, calls };
      for (const { id, function: f } of message.tool_calls) {
        const args = JSON.parse(f.arguments);
        calls.push({ name: f.name, args });
        messages.push({ role: 'tool', tool_call_id: id, content: ask.tools.find((t) => t.name === f.name).run(args) });
      }
    }
  }

  async function object(ask, how) {
    return JSON.parse((await (how === 'stream' ? stream : text)(ask)).text);
  }

  return { text, stream, loop, object };
}

export function failure(err) {
  if (!(err instanceof APIError)) throw err;
  return { status: err.status, code: err.code, message: err.message, retryAfter: err.headers?.get('retry-after') };
}

function content({ prompt, image }) {
  if (!image) return prompt;
  return [{ type: 'text', text: prompt }, { type: 'image_url', image_url: { url: image } }];
}

function told(body) {
  const { message, finish_reason: finish } = body.choices[0];
  return {
    text: message.content ?? '', finish, reasoning: message.reasoning_content ?? '', cached: body.usage?.prompt_tokens_details?.cached_tokens ?? 0,
    usage: body.usage && { input: body.usage.prompt_tokens, output: body.usage.completion_tokens },
  };
}
