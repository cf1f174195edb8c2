// Squarified treemap (Bruls, Huizing, van Wijk 2000) whose tiles are plain links, so that keyboards can walk it.
(function (W) {
  const { h } = W;

  function worst(row, side) {
    const sum = row.reduce((total, item) => total + item.area, 0);
    const areas = row.map((item) => item.area);
    return Math.max((side * side * Math.max(...areas)) / (sum * sum), (sum * sum) / (side * side * Math.min(...areas)));
  }

  function squarify(items, width, height) {
    const total = items.reduce((sum, item) => sum + item.weight, 0);
    const rest = items.map((item) => ({ ...item, area: (item.weight / total) * width * height }));
    const placed = [];
    let [x, y, w, hgt] = [0, 0, width, height];
    while (rest.length) {
      const side = Math.min(w, hgt);
      const row = [rest.shift()];
      while (rest.length && worst([...row, rest[0]], side) <= worst(row, side)) row.push(rest.shift());
      const thick = row.reduce((sum, item) => sum + item.area, 0) / side;
      let along = 0;
      for (const item of row) {
        const length = item.area / thick;
        placed.push(w <= hgt ? { ...item, x: x + along, y, w: length, h: thick } : { ...item, x, y: y + along, w: thick, h: length });
        along += length;
      }
      if (w <= hgt) [y, hgt] = [y + thick, hgt - thick];
      else [x, w] = [x + thick, w - thick];
    }
    return placed;
  }

  const MOST = 150;
  const HEAD = 46;
  const weigh = (tree, rows) => rows.filter((row) => tree.mentions[row] > 0).slice(0, MOST).map((row) => ({ row, weight: tree.mentions[row] }));

  // Tiles for `rows` of a tree, sized by mentions, with their own members inside where there is room. What is too
  // small or beyond the first hundred and fifty is left to the table.
  W.treemap = function treemap(tree, rows) {
    const box = h("div", { class: "treemap", role: "group", "aria-label": "Sizes are shares of mentions. The table below lists the same." });
    const items = weigh(tree, rows);

    function draw() {
      const width = box.clientWidth;
      if (!width || !items.length) return;
      const height = Math.round(Math.max(320, Math.min(560, width * (width < 600 ? 1.25 : 0.5))));
      box.style.height = `${height}px`;
      box.replaceChildren(...squarify(items, width, height).flatMap((item) => tile(tree, item, true)));
    }
    // Sizes are known only once the box is on the page; it is redrawn when the page gets wider or narrower.
    let last = 0;
    new ResizeObserver(() => {
      if (box.clientWidth === last) return;
      last = box.clientWidth;
      requestAnimationFrame(draw);
    }).observe(box);
    return box;
  };

  function tile(tree, { row, x, y, w, h: high }, open) {
    const share = W.format.percent(tree.mentions[row]);
    const below = tree.children[row];
    // A word cut in two reads worse than no word; about 6.6 pixels a letter at this size.
    const longest = Math.max(...tree.names[row].split(/[\s-]+/).map((word) => word.length));
    const bare = w < longest * 6.6 + 14 || high < 20;
    const small = w < 130 || high < 54;
    const title = `${tree.names[row]}: ${share} of mentions${below ? `, ${W.format.plural(tree.values[row], tree.facet === "task" ? "task" : "value")}` : ""}`;
    const hue = tree.hues[row] >= 0 ? tree.hues[row] : 7;
    const nested = open && below && w > 150 && high > 130;
    const link = h("a", {
      class: `tile hue${hue}${bare ? " bare" : small ? " small" : ""}${nested ? " open" : ""}`, href: W.link(tree.facet, tree.ids[row]), title, "aria-label": title,
      style: { left: `${x}px`, top: `${y}px`, width: `${w}px`, height: `${high}px` },
    }, h("span", {}, !bare && h("strong", {}, tree.names[row]), !bare && !small && h("small", {}, share)));
    if (!nested) return link;
    const [wide, tall] = [w - 16, high - HEAD - 9];
    return [link, ...squarify(weigh(tree, below), wide, tall).map((item) => tile(tree, { ...item, x: x + 9 + item.x, y: y + HEAD + item.y }, false))];
  }
})(wildvalues);
