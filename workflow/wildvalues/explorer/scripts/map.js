// The map of meanings: every value a dot, near ones alike; drag to move, wheel or buttons to zoom, click to open.
(function (W) {
  const { h } = W;

  W.scatter = function scatter(tree) {
    const rows = [];
    tree.x.forEach((x, row) => x !== null && tree.y[row] !== null && rows.push(row));
    if (!rows.length) return W.empty("No value of this study has a place on the map.");
    const [x0, x1] = range(rows.map((row) => tree.x[row]));
    const [y0, y1] = range(rows.map((row) => tree.y[row]));
    const canvas = h("canvas", { role: "img", "aria-label": `Map of ${W.format.plural(rows.length, "name")}. The table below lists them all.` });
    const tip = h("div", { class: "tip", hidden: true });
    const view = { scale: 1, x: 0, y: 0 };
    let width = 0;
    let height = 0;
    let drag = null;
    let hover = -1;

    const place = (row) => {
      const pad = 28;
      const u = pad + ((tree.x[row] - x0) / (x1 - x0)) * (width - 2 * pad);
      const v = pad + (1 - (tree.y[row] - y0) / (y1 - y0)) * (height - 2 * pad);
      return [(u - width / 2) * view.scale + width / 2 + view.x, (v - height / 2) * view.scale + height / 2 + view.y];
    };
    const radius = (row) => Math.max(1.6, Math.min(16, 2 + 26 * Math.sqrt(tree.shares[row] || 0))) * Math.min(2, Math.sqrt(view.scale)) * (rows.length > 5000 ? 0.6 : 1) * Math.min(1, 0.45 + width / 1600);

    // At most one drawing a frame, however fast the pointer moves.
    let due = false;
    function draw() {
      if (!due) requestAnimationFrame(paintAll);
      due = true;
    }
    function paintAll() {
      due = false;
      const pixels = window.devicePixelRatio || 1;
      const style = getComputedStyle(document.documentElement);
      const paint = canvas.getContext("2d");
      const hues = Array.from({ length: 8 }, (_, i) => style.getPropertyValue(`--c${i}`).trim());
      const [ink, soft, card] = ["--ink", "--soft", "--card"].map((name) => style.getPropertyValue(name).trim());
      canvas.width = Math.round(width * pixels);
      canvas.height = Math.round(height * pixels);
      canvas.style.height = `${height}px`;
      paint.setTransform(pixels, 0, 0, pixels, 0, 0);
      paint.clearRect(0, 0, width, height);
      paint.globalAlpha = 0.72;
      for (const row of rows) {
        const [x, y] = place(row);
        if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
        paint.fillStyle = tree.hues[row] >= 0 ? hues[tree.hues[row]] : soft;
        paint.beginPath();
        paint.arc(x, y, radius(row), 0, 7);
        paint.fill();
      }
      paint.globalAlpha = 1;
      label(paint, ink, card);
      if (hover >= 0) {
        const [x, y] = place(hover);
        paint.strokeStyle = ink;
        paint.lineWidth = 2;
        paint.beginPath();
        paint.arc(x, y, radius(hover) + 2, 0, 7);
        paint.stroke();
      }
    }

    // Most frequent names first; a name that would touch one already written is left out until the map is zoomed.
    function label(paint, ink, card) {
      paint.font = "13px system-ui, sans-serif";
      paint.textBaseline = "middle";
      paint.lineJoin = "round";
      const boxes = [];
      for (const row of byShare.slice(0, 400)) {
        const [x, y] = place(row);
        const wide = paint.measureText(tree.names[row]).width;
        const box = [x + radius(row) + 3, y - 9, x + radius(row) + 5 + wide, y + 9];
        if (box[0] < 0 || box[1] < 0 || box[2] > width || box[3] > height) continue;
        if (boxes.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3])) continue;
        boxes.push(box);
        paint.strokeStyle = card;
        paint.lineWidth = 3;
        paint.strokeText(tree.names[row], box[0], y);
        paint.fillStyle = ink;
        paint.fillText(tree.names[row], box[0], y);
        if (boxes.length >= 36 * Math.max(1, width / 900)) break;
      }
    }

    const nearest = (x, y) => {
      let [best, distance] = [-1, 14 * 14];
      for (const row of rows) {
        const [u, v] = place(row);
        const d = (u - x) ** 2 + (v - y) ** 2;
        if (d < distance) [best, distance] = [row, d];
      }
      return best;
    };
    function zoom(factor, x = width / 2, y = height / 2) {
      const scale = Math.max(1, Math.min(60, view.scale * factor));
      const ratio = scale / view.scale;
      view.x = x - width / 2 - (x - width / 2 - view.x) * ratio;
      view.y = y - height / 2 - (y - height / 2 - view.y) * ratio;
      view.scale = scale;
      if (scale === 1) [view.x, view.y] = [0, 0];
      draw();
    }
    const byShare = [...rows].sort((a, b) => (tree.shares[b] || 0) - (tree.shares[a] || 0));

    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      drag = { x: event.offsetX, y: event.offsetY, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (drag) {
        const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
        if (Math.abs(dx) + Math.abs(dy) > 3) drag.moved = true;
        if (drag.moved) {
          view.x += dx;
          view.y += dy;
          [drag.x, drag.y] = [event.offsetX, event.offsetY];
          draw();
        }
        return;
      }
      const found = nearest(event.offsetX, event.offsetY);
      if (found === hover) return;
      hover = found;
      tip.hidden = hover < 0;
      canvas.style.cursor = hover < 0 ? "grab" : "pointer";
      if (hover >= 0) {
        tip.textContent = `${tree.names[hover]} · ${W.format.percent(tree.shares[hover])} of conversations`;
        const [x, y] = place(hover);
        tip.style.left = `${Math.max(4, Math.min(x + 12, width - 200))}px`;
        tip.style.top = `${Math.max(4, y - 34)}px`;
      }
      draw();
    });
    canvas.addEventListener("pointerup", (event) => {
      const clicked = drag && !drag.moved ? nearest(event.offsetX, event.offsetY) : -1;
      drag = null;
      if (clicked >= 0) window.location.hash = W.link(tree.facet, tree.ids[clicked]);
    });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
    }, { passive: false });
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

    const button = (text, name, act) => h("button", { class: "plain", type: "button", "aria-label": name, on: { click: act } }, text);
    const box = h("div", { class: "map" }, canvas, tip,
      h("div", { class: "zoom" }, button("+", "Zoom in", () => zoom(1.6)), button("−", "Zoom out", () => zoom(1 / 1.6))));
    new ResizeObserver(() => {
      if (box.clientWidth && box.clientWidth !== width) {
        width = box.clientWidth;
        height = Math.round(Math.max(360, Math.min(640, width * 0.62)));
        draw();
      }
    }).observe(box);
    return box;
  };

  function range(numbers) {
    let [low, high] = [Infinity, -Infinity];
    for (const x of numbers) [low, high] = [Math.min(low, x), Math.max(high, x)];
    return high > low ? [low, high] : [low - 1, high + 1];
  }

  W.legend = (tree) =>
    h("ul", { class: "legend" }, tree.roots.filter((row) => tree.children[row]).map((row) =>
      h("li", { class: `hue${tree.hues[row]}` }, h("span", { class: "swatch" }), h("a", { href: W.link(tree.facet, tree.ids[row]) }, tree.names[row]))));

  W.views.map = async function map(facet) {
    const open = ["ai_values", "human_values", "task"].filter((f) => W.study.facets[f].counts[0]);
    const chosen = open.includes(facet) ? facet : open[0];
    if (!chosen) return [h("h1", {}, "Map"), W.empty("No value passed the publication thresholds, so there is nothing to map.")];
    const tree = await W.tree(chosen);
    const leaves = tree.names.map((_, row) => row).filter((row) => tree.levels[row] === 0);
    return [
      h("h1", {}, "Map of meanings"),
      h("p", { class: "lead" }, "Names that mean alike lie close together. Size is the share of conversations, colour the top-level cluster. Distances across the map mean little."),
      h("div", { class: "switch" }, open.map((f) => h("a", { href: `#/map/${W.facets[f].route}`, "aria-current": f === chosen ? "true" : null }, W.facets[f].many))),
      W.scatter(tree), W.legend(tree),
      h("section", {}, h("h2", {}, `All ${W.facets[chosen].many}`), W.nodeTable(tree, leaves, `All ${W.facets[chosen].many}`)),
    ];
  };
})(wildvalues);
