"use strict";
// What the pages can do beyond being read. Everything that others wrote is put in as text.

const $ = (id) => document.getElementById(id);

// Times, in the reader's own zone.
function localTimes(root) {
	for (const time of root.querySelectorAll("time[datetime]")) {
		const at = new Date(time.dateTime);
		if (Number.isNaN(at.valueOf()) || time.dataset.local) continue;
		time.dataset.local = "yes";
		time.title = time.textContent.trim() + " UTC";
		const pad = (n) => String(n).padStart(2, "0");
		time.textContent = `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${pad(at.getHours())}:${pad(at.getMinutes())}` +
			(time.dataset.unix ? "" : `:${pad(at.getSeconds())}`);
	}
}

// Charts, drawn of the tables that the page has.
const colors = {
	light: ["#2456c6", "#c2571a", "#14804a", "#8b3fb0", "#b02a55", "#6b7482"],
	dark: ["#7ea6ff", "#f0a060", "#5fd394", "#cf9af0", "#ff8fb0", "#a4b0be"],
};
const digits = (max) => new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: max });
const units = {
	usd: (v) => "$" + (v !== 0 && Math.abs(v) < 0.01 ? v.toPrecision(2) : digits(2).format(v)),
	count: (v) => digits(1).format(v),
	seconds: (v) => (v < 1 ? Math.round(v * 1000) + " ms" : digits(1).format(v) + " s"),
	percent: (v) => digits(1).format(v) + "%",
};

function readTable(figure) {
	const names = [...figure.querySelectorAll("thead th")].slice(1).map((th) => th.textContent);
	const data = [[], ...names.map(() => [])];
	const texts = [];
	for (const tr of figure.querySelectorAll("tbody tr")) {
		data[0].push(Number(tr.querySelector("time").dataset.unix));
		const cells = [...tr.querySelectorAll("td")];
		cells.forEach((td, i) => data[i + 1].push(td.dataset.v === "" ? null : Number(td.dataset.v)));
		texts.push(cells.map((td) => td.textContent));
	}
	return { names, data, texts };
}

function legend(names, palette) {
	const list = document.createElement("ul");
	list.className = "legend";
	const values = names.map((name, i) => {
		const item = list.appendChild(document.createElement("li"));
		const ns = "http://www.w3.org/2000/svg";
		const svg = item.appendChild(document.createElementNS(ns, "svg"));
		svg.setAttribute("viewBox", "0 0 12 12");
		svg.setAttribute("aria-hidden", "true");
		const dot = svg.appendChild(document.createElementNS(ns, "rect"));
		for (const [k, v] of Object.entries({ width: 12, height: 12, rx: 3, fill: palette[i % palette.length] })) dot.setAttribute(k, v);
		item.append(name + " ");
		return item.appendChild(document.createElement("b"));
	});
	return { list, values };
}

function drawChart(figure) {
	const dark = matchMedia("(prefers-color-scheme: dark)").matches;
	const palette = dark ? colors.dark : colors.light;
	const { names, data, texts } = readTable(figure);
	if (data[0].length === 0) return;
	for (const old of figure.querySelectorAll(".plot, .legend")) old.remove();
	const box = document.createElement("div");
	box.className = "plot";
	box.setAttribute("aria-hidden", "true"); // the table says the same
	const { list, values } = legend(names, palette);
	figure.querySelector("figcaption").after(box, list);
	const format = units[figure.dataset.unit];
	const style = getComputedStyle(document.body);
	const axis = { stroke: style.getPropertyValue("--soft"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
	const bars = figure.id === "chart-requests" && names.length === 1;
	const plot = new uPlot({
		width: Math.max(box.clientWidth, 200), height: 200, legend: { show: false },
		cursor: { y: false, drag: { setScale: false } },
		scales: { y: { range: (_, min, max) => [0, max > 0 ? max * 1.08 : 1] } },
		axes: [axis, { ...axis, size: 62, values: (_, ticks) => ticks.map(format) }],
		series: [{}, ...names.map((name, i) => ({
			label: name, stroke: palette[i % palette.length], width: 2, spanGaps: true, fill: bars ? palette[i % palette.length] + "33" : undefined,
			points: { show: data[0].length < 40, size: 4 },
		}))],
		hooks: { setCursor: [(u) => {
			const at = u.cursor.idx;
			values.forEach((b, i) => { b.textContent = at == null ? "" : texts[at][i]; });
		}] },
	}, data, box);
	new ResizeObserver(() => {
		if (box.isConnected && box.clientWidth > 0 && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: 200 });
	}).observe(box);
}

function drawCharts() {
	for (const figure of document.querySelectorAll("figure.chart")) drawChart(figure);
}

// Rows that come while the page is open.
function follow() {
	const box = $("live");
	if (!box) return;
	const say = (state, text) => { box.className = "live hint " + state; $("live-text").textContent = text; };
	const most = 500;
	let source;
	const open = () => {
		source = new EventSource($("live").dataset.live);
		source.addEventListener("ready", () => say("", "live"));
		source.addEventListener("row", (event) => {
			const template = document.createElement("template");
			template.innerHTML = event.data; // made by the server's template, which has escaped what others wrote
			const row = template.content.querySelector("tr");
			if (!row || document.querySelector(`#rows tr[data-id="${CSS.escape(row.dataset.id)}"]`)) return;
			row.classList.add("new");
			localTimes(row);
			$("rows").prepend(row);
			$("no-rows")?.remove();
			while ($("rows").rows.length > most) $("rows").lastElementChild.remove();
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
	localTimes(document);
	drawCharts();
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
	follow();
	for (const button of document.querySelectorAll("[data-copy]")) {
		button.hidden = false;
		button.addEventListener("click", () => copy($(button.dataset.copy).textContent, button));
	}
	for (const form of document.querySelectorAll("[data-confirm]")) {
		form.addEventListener("submit", (event) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });
	}
});
