// Building blocks of every view. Text from data only ever becomes a text node: nothing is parsed as HTML.
"use strict";
const wildvalues = { views: {} };

// h("a", {href, class, on: {click}}, children...): an element; null and false children are skipped.
wildvalues.h = function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    else if (name === "style") Object.assign(element.style, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
};

wildvalues.format = {
  count: (n) => (n === null || n === undefined ? "–" : n.toLocaleString("en-US")),
  percent(share, digits = 1) {
    if (share === null || share === undefined) return "–";
    const value = 100 * share;
    if (value > 0 && value < 0.05) return value < 0.001 ? "< 0.001 %" : `${value.toPrecision(2)} %`;
    return `${value.toFixed(digits)} %`;
  },
  interval(pair) {
    if (!pair || pair[0] === null || pair[1] === null) return "";
    return `${(100 * pair[0]).toFixed(1)} – ${(100 * pair[1]).toFixed(1)} %`;
  },
  decimal: (x, digits = 2) => (x === null || x === undefined ? "–" : x.toFixed(digits).replace("-", "−")),
  signed(x) {
    if (x === null) return "–";
    const text = Math.abs(x).toFixed(1);
    return text === "0.0" ? text : `${x < 0 ? "−" : "+"}${text}`;
  },
  words: (id) => String(id).replaceAll("_", " "),
  plural: (n, one, many) => `${wildvalues.format.count(n)} ${n === 1 ? one : many || `${one}s`}`,
};

// One row a facet: its place in addresses, and its words.
wildvalues.facets = {
  ai_values: { route: "values", one: "AI value", many: "AI values", head: "Values of the replies" },
  human_values: { route: "human-values", one: "human value", many: "human values", head: "Values users state" },
  task: { route: "tasks", one: "task", many: "tasks", head: "Tasks" },
  response_type: { route: "responses", one: "response type", many: "response types", head: "Kinds of reply" },
  model: { route: "models", one: "model", many: "models", head: "Models" },
  language: { route: "languages", one: "language", many: "languages", head: "Languages" },
  week: { route: "weeks", one: "week", many: "weeks", head: "Weeks" },
};
wildvalues.link = (facet, id) =>
  `#/${wildvalues.facets[facet].route}${id === undefined || id === null ? "" : `/${encodeURIComponent(id)}`}`;
wildvalues.label = (facet, name) => (facet === "response_type" ? wildvalues.format.words(name) : name);
wildvalues.empty = (text) => wildvalues.h("p", { class: "empty" }, text);

wildvalues.facts = (rows) =>
  wildvalues.h(
    "dl",
    { class: "facts" },
    rows
      .filter((row) => row && row[1] !== null && row[1] !== undefined)
      .map(([term, value, detail]) =>
        wildvalues.h("div", {}, wildvalues.h("dt", {}, term), wildvalues.h("dd", {}, value, detail ? wildvalues.h("small", {}, detail) : null)),
      ),
  );
