// A page about one value, cluster, task, model or kind of reply; and the whole of a facet.
(function (W) {
  const { h, format } = W;

  W.nodeTable = function nodeTable(tree, rows, caption, limit = 15) {
    const sorted = [...rows].sort((a, b) => (tree.shares[b] || 0) - (tree.shares[a] || 0));
    const most = rows.reduce((max, row) => Math.max(max, tree.shares[row] || 0), 0);
    const clusters = rows.some((row) => tree.levels[row] > 0);
    return W.table({
      caption, hideCaption: true, file: caption.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "_"), rows: sorted, limit,
      columns: [
        { name: "name", value: (row) => tree.names[row], show: (row) => h("a", { href: W.link(tree.facet, tree.ids[row]) }, tree.names[row]) },
        ...(clusters ? [{ name: tree.facet === "task" ? "tasks" : "values", numeric: true, value: (row) => tree.values[row], show: (row) => format.count(tree.values[row]) }] : []),
        { name: "conversations", numeric: true, minor: true, value: (row) => tree.conversations[row], show: (row) => format.count(tree.conversations[row]) },
        { name: "share of conversations", numeric: true, value: (row) => tree.shares[row], show: (row) => format.percent(tree.shares[row]) },
        { name: "bar", title: "", bar: true, value: (row) => tree.shares[row], show: (row) => W.meter(tree.shares[row], most) },
      ],
    });
  };

  // The whole of a facet with a tree.
  W.views.facet = async function facet(name) {
    const words = W.facets[name];
    if (!W.study.facets[name].counts[0])
      return [h("h1", {}, words.head), W.empty(`No ${words.one} passed the publication thresholds of this study.`)];
    const tree = await W.tree(name);
    const counts = W.study.facets[name].counts;
    const sizes = counts.map((n, level) => (level ? format.plural(n, "cluster") : format.plural(n, words.one, words.many)));
    const loose = tree.roots.filter((row) => !tree.children[row] && counts.length > 1);
    const tops = tree.roots.filter((row) => !loose.includes(row));
    return [
      h("h1", {}, words.head),
      h("p", { class: "lead" }, `${sizes.reverse().join(" › ")}. Names are grouped by meaning, not by whether they are good or bad.`),
      W.treemap(tree, tops),
      h("section", {}, h("h2", {}, counts.length > 1 ? "Top level" : words.head), W.nodeTable(tree, tops, `Top level of ${words.many}`)),
      loose.length ? h("section", {}, h("h2", {}, "Outside every cluster"), W.nodeTable(tree, loose, `${words.many} outside every cluster`)) : null,
    ];
  };

  W.views.node = async function node(facet, id) {
    const tree = await W.tree(facet);
    const row = tree.rows.get(id);
    if (row === undefined) return W.missing(facet, id);
    const details = await W.details(facet, id);
    const cluster = tree.levels[row] > 0;
    const children = tree.children[row];
    return [
      trail(tree, row),
      h("h1", {}, tree.names[row]),
      details.description ? h("p", { class: "lead" }, details.description) : null,
      frequency(tree, row, details),
      children ? h("section", {}, h("h2", {}, "What it gathers"), W.treemap(tree, children), W.nodeTable(tree, children, `Members of ${tree.names[row]}`)) : null,
      ...partners(facet, id, details, tree.names[row]),
      spread(details),
      siblings(tree, row, cluster),
    ];
  };

  // A context without a tree: a model, a language, a week.
  W.views.flat = async function flat(facet, id) {
    const known = (W.study.facets[facet] || { ids: [] }).ids;
    const words = W.facets[facet];
    if (id === null)
      return [h("h1", {}, words.head), known.length ? h("ul", { class: "chips" }, known.map((other) => h("li", {}, h("a", { href: W.link(facet, other) }, other)))) : W.empty(`No ${words.one} is known in this study.`)];
    if (!known.includes(id)) return W.missing(facet, id);
    return [
      h("p", { class: "eyebrow" }, h("a", { href: W.link(facet) }, words.head)),
      h("h1", {}, id),
      ...(facet === "model" ? [W.modelResponses(id)] : []),
      ...partners(facet, id, await W.details(facet, id), id),
    ];
  };

  W.missing = (facet, id) => [
    h("h1", {}, "Not in this study"),
    W.empty(`“${id}” is no ${W.facets[facet].one} here. It may have been too rare to publish, or the link is from another study; search finds what there is.`),
  ];

  function trail(tree, row) {
    const above = [];
    for (let at = tree.parents[row]; at >= 0; at = tree.parents[at]) above.unshift(at);
    const kind = tree.levels[row] > 0 ? `Cluster of ${W.facets[tree.facet].many}, level ${tree.levels[row]}` : null;
    return h("nav", { class: "eyebrow", "aria-label": "Place in the taxonomy" },
      h("a", { href: W.link(tree.facet) }, W.facets[tree.facet].head),
      above.map((at) => [" › ", h("a", { href: W.link(tree.facet, tree.ids[at]) }, tree.names[at])]), kind ? [" · ", kind] : null);
  }

  function frequency(tree, row, details) {
    let [peers, rank] = [0, 1];
    tree.levels.forEach((level, other) => {
      if (level !== tree.levels[row]) return;
      peers += 1;
      if ((tree.shares[other] || 0) > (tree.shares[row] || 0)) rank += 1;
    });
    const users = details.users === null || details.users === undefined ? "" : `, ${format.plural(details.users, "user")}`;
    const range = format.interval(details.interval);
    return W.facts([
      ["Share of conversations", format.percent(tree.shares[row]), range ? `95 % interval ${range}` : null],
      ["Conversations", format.count(tree.conversations[row]), `${details.base ? `of ${format.count(details.base)}` : ""}${users}`],
      ["Share of mentions", format.percent(tree.mentions[row])],
      ["Rank", format.count(rank), `of ${format.count(peers)} at this level`],
      ...(details.fit === undefined ? [] : [["Name fits", format.percent(details.fit), `of its ${W.facets[tree.facet].many}`]]),
    ]);
  }

  // --- partners: where a value is over- and under-represented, or what is special about a context ---

  const HEADS = {
    task: ["In which tasks", "Tasks"],
    human_values: ["With which values of users", "Values users state"],
    ai_values: ["With which values of the replies", "Values of the replies"],
    response_type: ["With which kinds of reply", "Kinds of reply"],
    model: ["With which models", "Models"],
    language: ["In which languages", "Languages"],
    week: ["In which weeks", "Weeks"],
  };
  const ORDER = ["task", "response_type", "human_values", "ai_values", "model", "language", "week"];

  function partners(facet, id, details, name) {
    const kinds = Object.keys(details.partners || {});
    if (!kinds.length) return [h("section", {}, h("h2", {}, "Contexts"), W.empty("Too few conversations to compare contexts.")) ];
    return ORDER.filter((other) => kinds.some((kind) => kind.startsWith(`${other}/`))).map((other) => {
      const levels = kinds.filter((kind) => kind.startsWith(`${other}/`)).map((kind) => Number(kind.split("/")[1])).sort((a, b) => b - a);
      const area = h("div");
      const buttons = levels.map((level) => h("button", { class: "plain", type: "button", on: { click: () => show(level) } }, level ? `clusters, level ${level}` : W.facets[other].many));
      function show(level) {
        buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(levels[i] === level)));
        area.replaceChildren(partnerTable(facet, other, level, details.partners[`${other}/${level}`], name));
      }
      // The finest clusters say most; single values are often too rare.
      show(levels.includes(1) ? 1 : levels[0]);
      return h("section", {}, h("h2", {}, HEADS[other][0]), levels.length > 1 ? h("div", { class: "switch", role: "group", "aria-label": "Level" }, buttons) : null, area);
    });
  }

  function partnerTable(facet, other, level, cells, name) {
    const rows = [...cells].sort((a, b) => b[5] - a[5]);
    // Residuals of one or two are what chance gives, so they must not fill the cell.
    const most = Math.max(4, ...rows.map((cell) => Math.abs(cell[5])));
    const whole = other === "response_type" || facet === "response_type" ? "among these replies" : "there";
    return W.table({
      caption: "Rate there and overall. The adjusted residual says how far the count is from what chance gives; * is significant after Bonferroni.", file: `${name}_${other}_${level}`.replace(/[^\p{L}\p{N}]+/gu, "_"), rows, limit: 16,
      columns: [
        { name: HEADS[other][1].toLowerCase(), title: HEADS[other][1], value: (cell) => W.label(other, cell[1]), show: (cell) => h("a", { href: W.link(other, cell[0]) }, W.label(other, cell[1])) },
        { name: "conversations", numeric: true, minor: true, value: (cell) => cell[2], show: (cell) => format.count(cell[2]) },
        { name: `rate ${whole}`, numeric: true, value: (cell) => cell[3], show: (cell) => format.percent(cell[3]) },
        { name: "rate overall", numeric: true, minor: true, value: (cell) => cell[4], show: (cell) => format.percent(cell[4]) },
        { name: "adjusted residual", numeric: true, value: (cell) => cell[5], show: (cell) => [h("span", { class: cell[5] < 0 ? "less" : "more" }, format.signed(cell[5])), cell[6] ? h("span", { title: "significant after Bonferroni" }, " *", h("span", { class: "hidden" }, " significant")) : h("span", { "aria-hidden": "true" }, "\u2007\u2009")] },
        { name: "bar", title: "", bar: true, value: (cell) => cell[5], show: (cell) => W.residual(cell[5], most) },
      ],
    });
  }

  function spread(details) {
    const rows = details.variation || [];
    if (!rows.length) return null;
    return h("section", {}, h("h2", {}, "How evenly it is spread"),
      h("p", { class: "soft" }, "Coefficient of variation of its rate over task clusters: near what chance gives means at home everywhere, far above it means bound to some contexts."),
      W.table({
        caption: "Variation over contexts", hideCaption: true, file: "variation", rows, sortable: false,
        columns: [
          { name: "contexts", value: (row) => row.contexts, show: (row) => `${format.plural(row.contexts, "task cluster")}, level ${row.level}` },
          { name: "variation", numeric: true, value: (row) => row.cv, show: (row) => format.decimal(row.cv) },
          { name: "95 % interval", numeric: true, value: (row) => row.interval.join(" to "), show: (row) => `${format.decimal(row.interval[0])} – ${format.decimal(row.interval[1])}` },
          { name: "by chance", numeric: true, value: (row) => row.chance, show: (row) => format.decimal(row.chance) },
        ],
      }));
  }

  function siblings(tree, row, cluster) {
    const parent = tree.parents[row];
    const others = (parent >= 0 ? tree.children[parent] : tree.roots).filter((other) => other !== row && tree.levels[other] === tree.levels[row]);
    if (!others.length) return null;
    return h("section", {}, h("h2", {}, parent >= 0 ? "Beside it" : "Also at the top"),
      parent >= 0 ? h("p", { class: "soft" }, "In ", h("a", { href: W.link(tree.facet, tree.ids[parent]) }, tree.names[parent])) : null,
      h("ul", { class: "chips" }, others.slice(0, 40).map((other) => h("li", {}, h("a", { href: W.link(tree.facet, tree.ids[other]) }, tree.names[other], " ", h("small", {}, format.percent(tree.shares[other])))))));
  }
  W.partners = partners;
})(wildvalues);
