// Package upstream is the LLM providers for tests: OpenAI's chat completions, Anthropic's Messages, Google's
// Gemini API and those that are told of below, on one handler, each refusing what the real one refuses, with its status and
// its error shape, and answering as the real one does on the wire. It says nothing of language: what it
// answers follows from the request by the rules below, so that a test can say what must come back.
//
// Paths are /openai/v1, /anthropic/v1 and /google/v1beta, below which the provider's own begin; what was
// asked is in the [Journal], for Go through [Server.Journal], over HTTP at /journal. The credentials are
// [OpenAIKey], [AnthropicKey] and [GoogleKey]; every other is refused as the provider refuses it.
//
// OpenAI's fake stands for the servers that speak its format too, below /azure/v1, /mistral/v1, /groq/v1 and so
// on, each with the habits that its documentation tells of: what it refuses, and where its answers have reasoning
// and usage. Cohere's chat is below /cohere/v2, Bedrock's Converse below /bedrock and Gemini on Vertex AI below
// /vertex/v1. All but the last, which takes GoogleKey, take OpenAIKey. At /picture.png is the image that URLs may name.
//
// # What is answered
//
//   - The prompt is the text of the last user turn that has any. The answer to it is
//     "You said: <prompt without directives>".
//   - Each image, file or audio of that turn adds "I see an image of 68 bytes (image/png)." or
//     "I see an image at <url>."
//   - Tools offered, tool choice not none, and fewer rounds of results since the prompt than wanted
//     (directive rounds, 1 if unsaid): a tool call with arguments that fit the tool's schema. Directive
//     calls asks for several at once, unless the request forbids parallel calls; calls=0 for none.
//   - Results since the prompt: "Results: <name>=<text>; …".
//   - A JSON schema: an object that fits it. JSON without a schema: {"answer":"…"} around the text.
//   - Thinking asked for, by a model that thinks: "Thinking about <prompt>", signed where the provider
//     signs. What was signed is refused when it comes back altered, out of place or out of order.
//   - A stop sequence or an output limit cuts the text, and the finish reason says so.
//   - One word is one token; usage is counted over what was read and written, and in the journal.
//
// # Directives
//
// A prompt may hold orders in double brackets: [[status=429,retry-after=2]]. A word that is not below is
// refused with 400, so a test with a typing error cannot pass.
//
//	on=openai        this block holds for that provider only (openai, anthropic, google, mistral, …)
//	tag=x            names the request in the journal
//	status=N         refuse with the provider's own error of that status
//	code=x           its code, where the shape has one (OpenAI's insufficient_quota)
//	retry-after=N    seconds, in the place the provider puts them
//	html             the error is a page of HTML
//	times=N          the refusal, hang, stall, cut or error-event only strikes the first N requests of this tag
//	hang             no answer, until the client is gone
//	delay=ms         wait in front of the answer
//	slow=ms          wait in front of each chunk
//	chunks=N         the text is N words, w1 … wN
//	stall=N          in a stream: nothing more after N chunks, until the client is gone
//	cut=N            the connection is closed after N chunks; not a stream: in mid-body
//	error-event=N    in a stream: the provider's error event after N chunks, and the end
//	calls=N          how many tool calls in a round
//	rounds=N         how many rounds of tool calls before the text
//	preface          text in front of the tool calls
//	redacted         a second, redacted block of thinking (Anthropic)
//	omitted          signed thinking with empty text (Anthropic)
//	cached=N         of the prompt's tokens, so many were read from a cache
//	cache-write=N    and so many written to it (Anthropic)
//	finish=X         the provider's own finish reason, as it stands on the wire
package upstream
