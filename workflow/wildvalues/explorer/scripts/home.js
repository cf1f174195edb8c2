// The first screen: what was studied, the top of the taxonomy, the most frequent values, how replies treat users.
(function (W) {
  const { h, format } = W;

  W.views.home = async function home() {
    const { study } = W;
    const { counts } = study;
    return [
      h("p", { class: "eyebrow" }, study.authors.join(", ")),
      h("h1", {}, study.title),
      h("p", { class: "lead" }, `Which values an assistant's replies demonstrate in ${study.corpus}, in which contexts, and how replies treat what users value.`),
      W.facts([
        ["Conversations read", counts.read === null ? null : format.count(counts.read)],
        ["Subjective, annotated", format.count(counts.subjective ?? counts.annotated), counts.sampled ? `of ${format.count(counts.sampled)} in the sample` : null],
        ["Distinct AI values", format.count(study.facets.ai_values.counts[0] || 0)],
        ["Distinct human values", format.count(study.facets.human_values.counts[0] || 0)],
      ]),
      h("section", {}, h("h2", {}, "What the replies value"), top(study.facets.ai_values)),
      h("div", { class: "columns" },
        h("section", {}, h("h2", {}, "Most frequent values of the replies"), head("ai_values")),
        h("section", {}, h("h2", {}, "Most frequent values users state"), head("human_values"))),
      h("section", {}, h("h2", {}, "How replies treat what users value"), W.responseStack("subjective")),
    ];
  };

  function top(facet) {
    if (!facet.top.length) return W.empty("No cluster passed the publication thresholds.");
    const most = Math.max(...facet.top.map((row) => row[2]));
    return [
      h("p", { class: "soft" }, "Top of the taxonomy, by share of all mentions. Open one to see what it gathers."),
      W.table({
        caption: "Top-level clusters of AI values", file: "top_clusters", hideCaption: true, rows: facet.top, limit: 20,
        columns: [
          { name: "cluster", value: (row) => row[1], show: (row) => h("span", { class: `hue${facet.top.indexOf(row) % 8}` }, h("span", { class: "swatch" }), h("a", { href: W.link("ai_values", row[0]) }, row[1])) },
          { name: "share of mentions", numeric: true, value: (row) => row[2], show: (row) => format.percent(row[2]) },
          { name: "share", title: "", bar: true, value: (row) => row[2], show: (row) => W.meter(row[2], most) },
        ],
      }),
      h("p", {}, h("a", { href: "#/values" }, "Open the whole taxonomy")),
    ];
  }

  function head(facet) {
    const rows = W.study.facets[facet].head;
    if (!rows.length) return W.empty(`No ${W.facets[facet].one} passed the publication thresholds.`);
    return W.table({
      caption: `Most frequent ${W.facets[facet].many}, share of conversations`, file: `top_${facet}`, rows, limit: 10, sortable: false,
      columns: [
        { name: W.facets[facet].one, value: (row) => row[1], show: (row) => h("a", { href: W.link(facet, row[0]) }, row[1]) },
        { name: "share", numeric: true, value: (row) => row[2], show: (row) => format.percent(row[2]) },
        { name: "bar", title: "", bar: true, value: (row) => row[2], show: (row) => W.meter(row[2], rows[0][2]) },
      ],
    });
  }
})(wildvalues);
