"use strict";
// Draws the visuals from the rows of the page, for what the reader has chosen. A choice is a part of the address, as in
// QuickSight: #p.Currency=USD&p.Segment=vip
const DARK = window.matchMedia("(prefers-color-scheme: dark)");
const SHOWN_ROWS = 200;
const SHOWN_VALUES = 10;

function choices() {
  const chosen = Object.fromEntries(DATA.parameters.map((one) => [one.name, one.default]));
  for (const part of window.location.hash.slice(1).split("&")) {
    const [name, value] = part.split("=");
    if (name.startsWith("p.") && value !== undefined) chosen[name.slice(2)] = decodeURIComponent(value) || null;
  }
  return chosen;
}

function obeys(row, visual, chosen) {
  return visual.filters.every(
    (one) => chosen[one.parameter] === null || row[one.column] === undefined || row[one.column] === chosen[one.parameter],
  );
}

function formatted(text, field) {
  if (text === null || text === undefined) return "no data";
  if (!field.number) return text;
  const number = Number(text);
  if (field.format === "share") return number.toLocaleString("en", { style: "percent", minimumFractionDigits: 1 });
  const places = field.format === "decimals" ? 2 : 0;
  return number.toLocaleString("en", { minimumFractionDigits: places, maximumFractionDigits: places });
}

function address(link, row) {
  return link.url.replace(/<<([^>]+)>>/g, (_, field) => encodeURIComponent(row[field] ?? ""));
}

function element(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function table(visual, rows) {
  const head = element("tr", {});
  for (const field of visual.fields) {
    head.append(element("th", { scope: "col", class: field.number ? "number" : "" }, field.label));
  }
  const body = element("tbody", {});
  for (const row of rows.slice(0, SHOWN_ROWS)) {
    const line = element("tr", {});
    visual.fields.forEach((field, place) => {
      const text = formatted(row[field.id], field);
      const link = place === 0 ? visual.links[0] : undefined;
      const cell = element("td", { class: field.number ? "number" : "", "data-value": row[field.id] ?? "" });
      cell.append(link ? element("a", { href: address(link, row), title: link.title }, text) : text);
      line.append(cell);
    });
    body.append(line);
  }
  const made = element("table", {}, element("thead", {}, head), body);
  const more = rows.length - SHOWN_ROWS;
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": visual.title }, made);
  return more > 0 ? element("div", {}, scroll, element("p", { class: "about" }, `and ${more} more rows`)) : scroll;
}

function themed() {
  const ink = DARK.matches ? "#e5e7eb" : "#1f2a44";
  const line = DARK.matches ? "#4b5563" : "#d1d5db";
  return {
    background: "transparent",
    font: "system-ui, sans-serif",
    view: { stroke: null },
    axis: { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelLimit: 120 },
    legend: { labelColor: ink, titleColor: ink },
  };
}

async function chart(place, visual, rows) {
  const numeric = rows.map((row) => {
    const made = { ...row };
    for (const field of visual.fields) {
      if ((field.number || field.ordered) && made[field.id] != null) made[field.id] = Number(made[field.id]);
    }
    return made;
  });
  const spec = { ...visual.spec, config: themed(), datasets: { rows: numeric } };
  place.classList.add("chart");
  const drawn = await vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: false });
  const svg = place.querySelector("svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${visual.title}. The numbers are in the table below.`);
  if (visual.links.length) {
    drawn.view.addEventListener("click", (_, item) => {
      if (item && item.datum && visual.fields.some((field) => item.datum[field.id] !== undefined)) {
        window.location.href = address(visual.links[0], item.datum);
      }
    });
  }
}

// Why there is nothing to show, or null where there is something. A chart without marks would look like a number.
function missing(visual, rows, chosen) {
  if (!visual.rows.length) return `No data: there is no row of ${visual.of}.`;
  if (!rows.length) {
    const reasons = visual.filters.filter((one) => chosen[one.parameter] !== null).map((one) => {
      const known = [...new Set(visual.rows.map((row) => row[one.column]).filter((value) => value != null))].sort();
      const listed = known.length > SHOWN_VALUES ? `${known.length} others` : known.join(", ") || "no other";
      return `${one.parameter} ${chosen[one.parameter]}; there is some for ${listed}`;
    });
    return `No data for ${reasons.join(", and for ")}.`;
  }
  const numbers = visual.fields.filter((field) => field.number);
  if (!numbers.length || rows.some((row) => numbers.some((field) => row[field.id] != null))) return null;
  const divided = numbers.every((field) => field.quotient);
  return divided ? "No data: there is nothing to divide by." : "No data: no row has a number.";
}

async function show(visual, chosen) {
  const figure = document.getElementById(visual.id);
  const place = figure.querySelector(".body");
  const rows = visual.rows.filter((row) => obeys(row, visual, chosen));
  const actual = rows.filter((row) => visual.fields.every((field) => row[field.id] !== undefined));
  const said = visual.said.filter((row) => obeys(row, visual, chosen)).map((row) => row.text);
  const words = visual.kind === "InsightVisual";
  figure.querySelector(".said").textContent = words ? "" : said.join(" ");
  place.replaceChildren();
  const numbers = figure.querySelector(".numbers");
  if (numbers) numbers.replaceChildren();
  const reason = missing(visual, actual, chosen);
  if (visual.kind === "KPIVisual") {
    const text = reason === null ? actual[0][visual.fields[0].id] : null;
    const value = element("p", { class: "value", "data-value": text ?? "" }, formatted(text, visual.fields[0]));
    place.append(value);
  }
  if (reason !== null) {
    figure.querySelector(".said").textContent = "";
    place.append(element("p", { class: "empty" }, reason));
  } else if (visual.kind === "KPIVisual") {
    return;
  } else if (words) {
    place.append(element("ul", { class: "words" }, ...said.map((one) => element("li", {}, one))));
  } else if (visual.spec) {
    // A mark of no number would be drawn as 0.
    const numbered = visual.fields.filter((field) => field.number);
    const told = rows.filter((row) => row.ahead !== undefined || numbered.some((field) => row[field.id] != null));
    await chart(place, visual, told);
    numbers.append(table(visual, actual));
  } else {
    place.append(table(visual, actual));
  }
}

async function draw() {
  const chosen = choices();
  for (const parameter of DATA.parameters) {
    document.getElementById(`choose-${parameter.name}`).value = chosen[parameter.name] ?? "";
  }
  for (const visual of DATA.visuals) await show(visual, chosen);
  const words = Object.entries(chosen).map(([name, value]) => `${name}: ${value ?? "all"}`);
  document.getElementById("status").textContent = words.join(", ");
  document.body.dataset.drawn = String(Number(document.body.dataset.drawn ?? 0) + 1);
}

function choose() {
  const parts = DATA.parameters.map(
    (one) => `p.${one.name}=${encodeURIComponent(document.getElementById(`choose-${one.name}`).value)}`,
  );
  window.location.hash = parts.join("&");
}

for (const parameter of DATA.parameters) {
  const list = document.getElementById(`values-${parameter.name}`);
  for (const value of parameter.values) list.append(element("option", { value }));
  document.getElementById(`choose-${parameter.name}`).addEventListener("change", choose);
}
document.getElementById("choices").addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", draw);
DARK.addEventListener("change", draw);
draw();
