// How replies treat what users value: shares, mirroring, what is stated outright, models.
(function (W) {
  const { h, format } = W;
  const NAMES = { subjective: "all subjective conversations", with_human_value: "conversations in which the user states a value" };
  const TYPES = ["strong_support", "mild_support", "neutral_acknowledgment", "reframing", "mild_resistance", "strong_resistance", "no_values"];
  const ordered = (rows) => [...rows].sort((a, b) => TYPES.indexOf(a.response_type) - TYPES.indexOf(b.response_type));
  const typed = (row) => [h("span", { class: `key t-${row.response_type}`, "aria-hidden": "true" }), TYPES.includes(row.response_type) ? h("a", { href: W.link("response_type", row.response_type) }, format.words(row.response_type)) : format.words(row.response_type)];

  function shares(rows, caption, file, mark) {
    const most = Math.max(...rows.map((row) => row.share_high ?? row.share ?? 0), ...(mark ? rows.map((row) => row.expected || 0) : []));
    return W.table({
      caption, file, rows, sortable: false,
      columns: [
        { name: "kind of reply", value: (row) => row.response_type, show: typed },
        { name: "conversations", numeric: true, minor: true, value: (row) => row.n_conversations, show: (row) => format.count(row.n_conversations) },
        { name: "share", numeric: true, value: (row) => row.share, show: (row) => format.percent(row.share) },
        { name: "95 % interval", numeric: true, value: (row) => `${row.share_low} to ${row.share_high}`, show: (row) => format.interval([row.share_low, row.share_high]) },
        ...(mark ? [{ name: "by chance", numeric: true, value: (row) => row.expected, show: (row) => format.percent(row.expected) }] : []),
        { name: "bar", title: "", bar: true, value: (row) => row.share, show: (row) => W.meter(row.share, most, [row.share_low, row.share_high], mark ? row.expected : null) },
      ],
    });
  }

  W.responseStack = function responseStack(denominator) {
    const rows = ordered(W.study.responses.filter((row) => row.denominator === denominator));
    if (!rows.length) return W.empty("No kind of reply passed the publication thresholds.");
    return [W.stack(rows.map((row) => [row.response_type, row.share])), shares(rows, `Shares of ${NAMES[denominator]}${rows[0].n_base ? ` (${format.count(rows[0].n_base)})` : ""}`, `response_types_${denominator}`)];
  };

  W.modelResponses = function modelResponses(model) {
    const rows = ordered(W.study.models.filter((row) => row.model === model));
    return rows.length ? h("section", {}, h("h2", {}, "How its replies treat what users value"), W.stack(rows.map((row) => [row.response_type, row.share])), shares(rows, `Shares of its ${format.count(rows[0].n_base)} subjective conversations`, "model_responses")) : null;
  };

  W.views.responses = async function responses(type) {
    if (type !== null) {
      if (!(W.study.facets.response_type || { ids: [] }).ids.includes(type)) return W.missing("response_type", type);
      const row = W.study.responses.find((r) => r.response_type === type && r.denominator === "subjective");
      return [
        h("p", { class: "eyebrow" }, h("a", { href: "#/responses" }, "Kinds of reply")),
        h("h1", {}, format.words(type).replace(/^./, (letter) => letter.toUpperCase())),
        row ? W.facts([["Share of subjective conversations", format.percent(row.share), `95 % interval ${format.interval([row.share_low, row.share_high])}`], ["Conversations", format.count(row.n_conversations), `of ${format.count(row.n_base)}`]]) : null,
        ...W.partners("response_type", type, await W.details("response_type", type), type),
      ];
    }
    return [
      h("h1", {}, "Kinds of reply"),
      h("p", { class: "lead" }, "Each reply is labelled by how it treats the values the user brings: from strong support to strong resistance, or none where no value is at stake."),
      h("section", {}, h("h2", {}, "Among all subjective conversations"), W.responseStack("subjective")),
      h("section", {}, h("h2", {}, "Where the user states a value"), W.responseStack("with_human_value")),
      h("section", {}, h("h2", {}, "Mirroring"), mirroring()),
      h("section", {}, h("h2", {}, "Stated outright"), explicitness()),
      h("section", {}, h("h2", {}, "Models"), models()),
    ];
  };

  function mirroring() {
    const kinds = [...new Set(W.study.mirroring.map((row) => row.matched))].sort((a, b) => (b === "value") - (a === "value") || a.localeCompare(b));
    if (!kinds.length) return W.empty("Too few conversations in which the user states a value.");
    return [
      h("p", { class: "soft" }, "How often the reply takes up the user's own value. The upright mark is what chance gives when users' values are shuffled among like tasks."),
      kinds.map((kind) => shares(ordered(W.study.mirroring.filter((row) => row.matched === kind)), kind === "value" ? "The same value on both sides" : `The same cluster on both sides (${format.words(kind)})`, `mirroring_${kind}`, true)),
    ];
  }

  function explicitness() {
    const place = (row) => (row.by === "all" ? -1 : row.by === "response_type" ? TYPES.indexOf(row.group_id) : TYPES.length);
    const rows = [...W.study.explicitness].sort((a, b) => place(a) - place(b));
    if (!rows.length) return W.empty("No published count of values that are stated outright.");
    return [
      h("p", { class: "soft" }, "Share of the replies' values that are stated rather than only demonstrated."),
      W.table({
        caption: "Values stated outright", hideCaption: true, file: "explicitness", rows, limit: 20,
        columns: [
          { name: "among", value: (row) => (row.by === "all" ? "all mentions" : format.words(row.name)), show: (row) => (row.by === "cluster" ? h("a", { href: W.link("ai_values", row.group_id) }, row.name) : row.by === "response_type" ? h("a", { href: W.link("response_type", row.group_id) }, format.words(row.name)) : "all mentions") },
          { name: "mentions", numeric: true, minor: true, value: (row) => row.n_base, show: (row) => format.count(row.n_base) },
          { name: "stated outright", numeric: true, value: (row) => row.share, show: (row) => format.percent(row.share) },
          { name: "95 % interval", numeric: true, value: (row) => `${row.share_low} to ${row.share_high}`, show: (row) => format.interval([row.share_low, row.share_high]) },
          { name: "bar", title: "", bar: true, value: (row) => row.share, show: (row) => W.meter(row.share, Math.max(...rows.map((r) => r.share_high ?? r.share)), [row.share_low, row.share_high]) },
        ],
      }),
    ];
  }

  function models() {
    const names = [...new Set(W.study.models.map((row) => row.model))].sort();
    if (!names.length) return W.empty("The logs of this study do not name a model, or no model has enough conversations.");
    return names.map((name) => {
      const rows = ordered(W.study.models.filter((row) => row.model === name));
      return h("div", { style: { marginTop: "0.9rem" } }, h("h3", {}, h("a", { href: W.link("model", name) }, name), " ", h("span", { class: "note" }, `${format.count(rows[0].n_base)} conversations`)), W.stack(rows.map((row) => [row.response_type, row.share])));
    });
  }
})(wildvalues);
