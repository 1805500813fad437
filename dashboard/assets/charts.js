"use strict";
// Charts, drawn of the tables that the page has.
const colors = {
	light: ["#2456c6", "#c2571a", "#14804a", "#8b3fb0", "#b02a55", "#6b7482"],
	dark: ["#7ea6ff", "#f0a060", "#5fd394", "#cf9af0", "#ff8fb0", "#a4b0be"],
};
const digits = (max) => new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: max });
const units = {
	usd: (v) => "$" + (v !== 0 && Math.abs(v) < 0.01 ? v.toFixed(9).replace(/0+$/, "") : digits(2).format(v)),
	count: (v) => digits(1).format(v),
	seconds: (v) => (v < 1 ? Math.round(v * 1000) + " ms" : digits(1).format(v) + " s"),
	percent: (v) => digits(1).format(v) + "%",
};

function readTable(figure) {
	const names = [...figure.querySelectorAll("thead th")].slice(1).map((th) => th.textContent);
	const table = { names, data: [[], ...names.map(() => [])], texts: [], times: [], days: false };
	for (const tr of figure.querySelectorAll("tbody tr")) {
		const time = tr.querySelector("time");
		table.data[0].push(Number(time.dataset.unix));
		table.times.push(time.textContent);
		table.days = time.dataset.local === "no"; // days are those of UTC
		const cells = [...tr.querySelectorAll("td")];
		cells.forEach((td, i) => table.data[i + 1].push(td.dataset.v === "" ? null : Number(td.dataset.v)));
		table.texts.push(cells.map((td) => td.textContent));
	}
	return table;
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

// stacked puts parts on top of each other: the first is lowest, and drawn last.
function stacked(data) {
	const sums = data[0].map(() => 0);
	const tops = data.slice(1).map((part) => part.map((v, i) => (sums[i] += v ?? 0)));
	return [data[0], ...tops.reverse()];
}

// days names days and, between them, times.
function ticks(utc) {
	const zone = utc ? "UTC" : undefined;
	const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", timeZone: zone });
	const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: zone });
	return (_, splits, axis, space, step) => splits.map((at) => {
		const clock = time.format(at * 1000);
		return step >= 86400 || clock === "00:00" ? day.format(at * 1000) : clock;
	});
}

function drawChart(figure) {
	const dark = matchMedia("(prefers-color-scheme: dark)").matches;
	const palette = dark ? colors.dark : colors.light;
	const { names, data, texts, times, days } = readTable(figure);
	if (data[0].length === 0) return;
	for (const old of figure.querySelectorAll(".plot, .legend, .at")) old.remove();
	const box = document.createElement("div");
	box.className = "plot";
	box.setAttribute("aria-hidden", "true"); // the table says the same
	const { list, values } = legend(names, palette);
	const caption = figure.querySelector("figcaption");
	const at = caption.appendChild(document.createElement("span"));
	at.className = "at";
	caption.after(box, list);
	const style = getComputedStyle(document.body);
	const axis = { stroke: style.getPropertyValue("--soft"), grid: { stroke: style.getPropertyValue("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
	const parts = "stacked" in figure.dataset;
	const color = (i) => palette[(parts ? names.length - 1 - i : i) % palette.length];
	const half = parts ? (data[0].length > 1 ? data[0][1] - data[0][0] : 3600) / 2 : 0; // a bar is as wide as its step
	const plot = new uPlot({
		width: Math.max(box.clientWidth, 200), height: 190, legend: { show: false },
		tzDate: (unix) => (days ? uPlot.tzDate(new Date(unix * 1000), "Etc/UTC") : new Date(unix * 1000)),
		cursor: { y: false, drag: { setScale: false }, sync: { key: "over-time" }, points: { show: !parts } },
		scales: {
			x: { range: (_, min, max) => (min === max && half === 0 ? [min - 3600, max + 3600] : [min - half, max + half]) },
			y: { range: (_, min, max) => [0, max > 0 ? max * 1.08 : 1] },
		},
		axes: [
			{ ...axis, size: 32, grid: { show: false }, values: ticks(days) },
			{ ...axis, size: (_, texts) => Math.max(44, ...(texts ?? []).map((text) => 16 + 7 * text.length)), values: (_, splits) => splits.map(units[figure.dataset.unit]) },
		],
		series: [{}, ...names.map((_, i) => (parts
			? { fill: color(i), width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.75, 48] }) }
			: { stroke: color(i), width: 2, spanGaps: true, points: { show: data[0].length < 40, size: 4 } }))],
		hooks: { setCursor: [(u) => {
			const i = u.cursor.idx;
			at.textContent = i == null ? "" : times[i];
			values.forEach((b, line) => { b.textContent = i == null ? "" : texts[i][line]; });
		}] },
	}, parts ? stacked(data) : data, box);
	new ResizeObserver(() => {
		if (box.isConnected && box.clientWidth > 0 && box.clientWidth !== plot.width) plot.setSize({ width: box.clientWidth, height: 190 });
	}).observe(box);
}

function drawCharts() {
	for (const figure of document.querySelectorAll("figure.chart")) drawChart(figure);
}

document.addEventListener("DOMContentLoaded", () => {
	drawCharts(); // app.js has put the times into the reader's zone
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawCharts);
});
