"use strict";
// What the pages can do beyond being read. Everything that others wrote is put in as text.

const $ = (id) => document.getElementById(id);

// Times, in the reader's own zone.
function localTimes(root) {
	for (const time of root.querySelectorAll("time[datetime]")) {
		const at = new Date(time.dateTime);
		if (Number.isNaN(at.valueOf()) || time.dataset.local) continue; // done, or a day
		time.dataset.local = "yes";
		time.title = time.textContent.trim() + " UTC";
		const pad = (n) => String(n).padStart(2, "0");
		time.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}` +
			(time.dataset.unix ? "" : `:${pad(at.getSeconds())}`);
	}
}

// Rows that come while the page is open.
function follow() {
	const box = $("live");
	if (!box) return;
	const say = (state, text) => { box.className = "live hint " + state; $("live-text").textContent = text; };
	const most = 500;
	let source;
	const shown = (row) => document.querySelector(`#rows tr[data-id="${CSS.escape(row.dataset.id)}"]`);
	const add = (row) => {
		if (!row || shown(row)) return;
		row.classList.add("new");
		localTimes(row);
		$("rows").prepend(row);
		$("no-rows")?.remove();
		while ($("rows").rows.length > most) $("rows").lastElementChild.remove();
	};
	// catchUp adds what came while nobody listened. Where that is more than a page, or some are missing between those that
	// came, the rows begin anew; what comes meanwhile stays on top.
	const catchUp = async (missed) => {
		const had = new Set($("rows").rows);
		const answer = await fetch(location.href).catch(() => undefined);
		if (!answer?.ok) return;
		const page = new DOMParser().parseFromString(await answer.text(), "text/html");
		const rows = [...page.querySelectorAll("#rows tr")];
		const came = [...$("rows").rows].filter((row) => !had.has(row));
		if (missed || page.getElementById("older") && !rows.some(shown)) $("rows").replaceChildren(...came);
		for (const row of rows.reverse()) add(document.adoptNode(row));
		$("rows").prepend(...came);
	};
	const open = () => {
		source = new EventSource($("live").dataset.live);
		source.addEventListener("ready", (event) => { say("", "live"); catchUp(event.data === "missed"); });
		source.addEventListener("row", (event) => {
			const template = document.createElement("template");
			template.innerHTML = event.data; // made by the server's template, which has escaped what others wrote
			add(template.content.querySelector("tr"));
		});
		source.onerror = () => say("away", source.readyState === EventSource.CLOSED ? "not connected" : "connecting again");
	};
	box.hidden = false;
	say("away", "connecting");
	open();
	$("live-toggle").addEventListener("click", () => {
		if (source) {
			source.close();
			source = undefined;
			say("paused", "paused");
			$("live-toggle").textContent = "Go on";
		} else {
			$("live-toggle").textContent = "Pause";
			open();
		}
	});
}

async function copy(text, button) {
	const label = button.textContent;
	try {
		await navigator.clipboard.writeText(text);
		button.textContent = "Copied";
	} catch {
		button.textContent = "Select it and copy";
	}
	setTimeout(() => { button.textContent = label; }, 2000);
}

document.addEventListener("DOMContentLoaded", () => {
	// Where the pages' names have no room beside one another, that of this page is in sight.
	document.querySelector("#nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
	localTimes(document);
	follow();
	for (const button of document.querySelectorAll("[data-copy]")) {
		button.hidden = false;
		button.addEventListener("click", () => copy($(button.dataset.copy).textContent, button));
	}
	for (const form of document.querySelectorAll("[data-confirm]")) {
		form.addEventListener("submit", (event) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });
	}
});
