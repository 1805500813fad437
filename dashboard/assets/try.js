"use strict";
// The playground: asks the gate, shows the answer as it comes, and writes the request as code.

document.addEventListener("DOMContentLoaded", () => {
	const form = document.getElementById("try-form");
	if (!form) return;
	const at = (id) => document.getElementById(id);
	const gate = form.dataset.gate;
	let running;

	const request = () => {
		const messages = [];
		if (at("try-system").value) messages.push({ role: "system", content: at("try-system").value });
		messages.push({ role: "user", content: at("try-prompt").value });
		const body = { model: "layer/" + gate, messages };
		if (at("try-stream").checked) Object.assign(body, { stream: true, stream_options: { include_usage: true } });
		return body;
	};

	// say shows what is known of the request once it has ended, or so far.
	const say = (began, first, meta, error) => {
		const parts = [];
		if (error) parts.push(error);
		if (meta.layer) parts.push(`${meta.layer.provider}/${meta.layer.model}`, `${meta.layer.attempts} attempt${meta.layer.attempts === 1 ? "" : "s"}`);
		if (meta.usage) parts.push(`${meta.usage.prompt_tokens} + ${meta.usage.completion_tokens} tokens`);
		if ("cost" in meta) parts.push(meta.cost === null ? "unpriced" : "$" + meta.cost);
		if (first) parts.push(`first token after ${Math.round(first - began)} ms`);
		parts.push(`${Math.round(performance.now() - began)} ms`);
		if (meta.layer?.dropped?.length) parts.push("dropped: " + meta.layer.dropped.join(", "));
		if (meta.layer?.overridden?.length) parts.push("overridden: " + meta.layer.overridden.join(", "));
		const facts = at("try-facts");
		facts.textContent = parts.join(" · ");
		if (meta.id) {
			const link = document.createElement("a");
			link.href = document.body.dataset.base + "requests/" + encodeURIComponent(meta.id);
			link.textContent = "the request";
			facts.append(" · ", link);
		}
	};

	// take reads one chunk, or a whole answer.
	const take = (chunk, meta) => {
		if (chunk.layer) meta.layer = chunk.layer;
		if (chunk.usage) meta.usage = chunk.usage;
		if ("cost" in chunk) meta.cost = chunk.cost;
		else if (chunk.usage && "cost" in chunk.usage) meta.cost = chunk.usage.cost;
		const said = chunk.choices?.[0]?.delta ?? chunk.choices?.[0]?.message;
		const text = said?.content ?? said?.refusal ?? "";
		if (said?.tool_calls) return text + "\n" + JSON.stringify(said.tool_calls, null, 1);
		return text;
	};

	const send = async () => {
		const body = request();
		const began = performance.now();
		let first = 0;
		const meta = {};
		running = new AbortController();
		at("try-send").disabled = true;
		at("try-stop").hidden = false;
		at("try-answer").textContent = "";
		at("try-chunks").textContent = "";
		at("try-facts").textContent = "asking …";
		let problem = "";
		const show = (chunk) => {
			if (chunk.error) { problem = chunk.error.message; return; }
			const text = take(chunk, meta);
			if (text && !first) first = performance.now();
			at("try-answer").append(text);
		};
		try {
			const answer = await fetch(form.dataset.chat, {
				method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ ...body, model: undefined }), signal: running.signal,
			});
			meta.id = answer.headers.get("X-Layer-Request-Id");
			const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
			const streamed = (answer.headers.get("Content-Type") ?? "").startsWith("text/event-stream");
			let rest = "";
			for (;;) {
				const { done, value } = await reader.read();
				if (done) break;
				at("try-chunks").append(value);
				rest += value;
				if (!streamed) continue;
				const lines = rest.split("\n");
				rest = lines.pop();
				for (const line of lines) {
					if (line.startsWith("data: ") && line !== "data: [DONE]") show(JSON.parse(line.slice(6)));
				}
			}
			if (!streamed) {
				try { show(JSON.parse(rest)); } catch { problem = rest.slice(0, 300); }
			}
			if (!answer.ok) problem = `${answer.status}: ${problem}`;
		} catch (error) {
			problem = error.name === "AbortError" ? "stopped" : String(error.message);
		}
		say(began, first, meta, problem);
		running = undefined;
		at("try-send").disabled = false;
		at("try-stop").hidden = true;
	};

	// The request as code, with the key in the environment.
	const code = {
		curl: (base, body) => `curl ${shell(base + "/chat/completions")} \\\n  -H "Authorization: Bearer $LAYER_API_KEY" \\\n  -H "Content-Type: application/json" \\\n  -d ${shell(JSON.stringify(body, null, 2))}`,
		js: (base, body) => `import OpenAI from "openai";\n\nconst client = new OpenAI({ baseURL: ${JSON.stringify(base)}, apiKey: process.env.LAYER_API_KEY });\n` +
			`const answer = await client.chat.completions.create(${JSON.stringify(body, null, 2)});\n` +
			(body.stream ? `for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");` : `console.log(answer.choices[0].message.content);`),
		python: (base, body) => `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url=${JSON.stringify(base)}, api_key=os.environ["LAYER_API_KEY"])\n` +
			`answer = client.chat.completions.create(\n` + Object.entries(body).map(([k, v]) => `    ${k}=${python(v)},\n`).join("") + `)\n` +
			(body.stream ? `for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)` : `print(answer.choices[0].message.content)`),
		go: (base, body) => `package main\n\nimport (\n\t"io"\n\t"net/http"\n\t"os"\n\t"strings"\n)\n\nfunc main() {\n` +
			`\tbody := ${JSON.stringify(JSON.stringify(body))}\n\treq, err := http.NewRequest("POST", ${JSON.stringify(base + "/chat/completions")}, strings.NewReader(body))\n` +
			`\tif err != nil {\n\t\tpanic(err)\n\t}\n\treq.Header.Set("Authorization", "Bearer "+os.Getenv("LAYER_API_KEY"))\n\treq.Header.Set("Content-Type", "application/json")\n` +
			`\tres, err := http.DefaultClient.Do(req)\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tdefer res.Body.Close()\n\tio.Copy(os.Stdout, res.Body)\n}`,
	};
	const shell = (text) => "'" + text.replaceAll("'", "'\\''") + "'";
	const python = (v) => {
		if (v === true) return "True";
		if (v === null) return "None";
		if (Array.isArray(v)) return "[" + v.map(python).join(", ") + "]";
		if (typeof v === "object") return "{" + Object.entries(v).map(([k, w]) => `${JSON.stringify(k)}: ${python(w)}`).join(", ") + "}";
		return JSON.stringify(v);
	};
	let language = "curl";
	const write = () => { at("code").textContent = code[language](at("code-base").value.replace(/\/+$/, ""), request()); };

	form.hidden = false;
	at("code-base").value = location.origin + "/v1";
	form.addEventListener("submit", (event) => { event.preventDefault(); send(); });
	form.addEventListener("input", write);
	at("try-stop").addEventListener("click", () => running?.abort());
	at("try-raw").addEventListener("change", () => { at("try-chunks").hidden = !at("try-raw").checked; });
	for (const button of form.querySelectorAll("[data-language]")) {
		button.addEventListener("click", () => {
			language = button.dataset.language;
			for (const other of form.querySelectorAll("[data-language]")) other.setAttribute("aria-pressed", String(other === button));
			write();
		});
	}
	at("code-copy").addEventListener("click", () => copy(at("code").textContent, at("code-copy")));
	write();
});
