// A table that sorts, grows on demand and gives itself away as CSV.
(function (W) {
  const { h } = W;
  const STEP = 25;

  const quote = (value) => {
    const text = value === null || value === undefined ? "" : String(value);
    // A name that starts like a formula must not become one in a spreadsheet.
    const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  W.csv = (columns, rows) =>
    [columns.map((column) => quote(column.name)), ...rows.map((row) => columns.map((column) => quote(column.value(row))))]
      .map((cells) => cells.join(","))
      .join("\n") + "\n";

  W.download = function download(name, text) {
    const url = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
    const anchor = h("a", { href: url, download: name });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };

  const kind = (column) => [column.bar ? "bar" : column.numeric ? "n" : "", column.minor ? "minor" : ""].join(" ").trim() || null;

  // columns: {name, value(row), show(row)?, numeric?, bar?, minor?}; `bar` columns are drawings and stay out of the
  // CSV, `minor` ones are left out on a phone.
  W.table = function table({ caption, file, columns, rows, limit = 12, hideCaption = false, sortable = true }) {
    let sorted = rows;
    let shown = limit;
    let order = null;
    const body = h("tbody");
    const foot = h("div", { class: "tools" });
    const heads = columns.map((column) => {
      const label = column.title === undefined ? column.name : column.title;
      const canSort = sortable && !column.bar && rows.length > 1;
      const head = h("th", { scope: "col", class: kind(column) },
        canSort ? h("button", { type: "button", on: { click: () => sort(column, head) } }, label) : label || h("span", { class: "hidden" }, column.name));
      return head;
    });

    function sort(column, head) {
      const down = order && order.column === column ? !order.down : Boolean(column.numeric);
      order = { column, down };
      const sign = down ? -1 : 1;
      sorted = [...rows].sort((a, b) => {
        const [x, y] = [column.value(a), column.value(b)];
        if (x === null || x === undefined) return 1;
        if (y === null || y === undefined) return -1;
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      draw();
    }

    function draw() {
      body.replaceChildren(
        ...sorted.slice(0, shown).map((row) =>
          h("tr", {}, columns.map((column) => {
            const content = column.show ? column.show(row) : column.value(row);
            return h("td", { class: kind(column), "aria-hidden": column.bar ? "true" : null }, content === null || content === undefined ? "–" : content);
          })),
        ),
      );
      const rest = rows.length - shown;
      foot.replaceChildren(
        ...[
          rest > 0 && h("button", { class: "plain", type: "button", on: { click: () => { shown += STEP * 4; draw(); } } }, `Show ${W.format.count(Math.min(rest, STEP * 4))} more of ${W.format.count(rows.length)}`),
          h("button", { class: "plain", type: "button", on: { click: () => W.download(`${file}.csv`, W.csv(columns.filter((c) => !c.bar), sorted)) } }, "Save as CSV", h("span", { class: "hidden" }, `: ${caption}`)),
        ].filter(Boolean),
      );
    }

    draw();
    return h("div", {}, h("div", { class: "scroll" },
      h("table", {}, h("caption", { class: hideCaption ? "hidden" : null }, caption), h("thead", {}, h("tr", {}, heads)), body)), foot);
  };
})(wildvalues);
