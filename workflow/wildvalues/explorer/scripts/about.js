// How far to trust the numbers: accuracy against labelled conversations, tests, limits.
(function (W) {
  const { h, format } = W;
  const SUFFIX = /_(low|high)$/;
  const FACETS = { subjectivity: "Subjectivity filter", ai_values: "AI values", human_values: "Human values", response_type: "Kinds of reply", task: "Tasks" };

  function accuracy() {
    const rows = [];
    for (const [facet, measures] of Object.entries(W.study.validation)) {
      if (measures === null || typeof measures !== "object") continue;
      for (const [measure, value] of Object.entries(measures)) {
        // Measures come with an interval; counts of the confusion table do not.
        if (SUFFIX.test(measure) || value === null || !(`${measure}_low` in measures)) continue;
        rows.push({ facet, measure, value, n: measures.n ?? null, chance: measures[`chance_${measure}`] ?? null, interval: [measures[`${measure}_low`] ?? null, measures[`${measure}_high`] ?? null] });
      }
    }
    if (!rows.length) return W.empty("No labelled conversation covers this study, so the accuracy of its annotations is not known. Treat every share as provisional.");
    const share = (row) => row.value >= 0 && row.value <= 1;
    return W.table({
      caption: "Agreement of the annotating model with labelled conversations, and its 95 % interval", file: "accuracy", rows, limit: 40, sortable: false,
      columns: [
        { name: "facet", value: (row) => FACETS[row.facet] || format.words(row.facet) },
        { name: "measure", value: (row) => (row.measure === "kappa" ? "Cohen's kappa" : format.words(row.measure).replace("f1", "F1")) },
        { name: "labelled", numeric: true, value: (row) => row.n, show: (row) => format.count(row.n) },
        { name: "value", numeric: true, value: (row) => row.value, show: (row) => format.decimal(row.value) },
        { name: "95 % interval", numeric: true, value: (row) => row.interval.map((x) => x ?? "").join(" to "), show: (row) => (row.interval[0] === null ? "–" : `${format.decimal(row.interval[0])} – ${format.decimal(row.interval[1])}`) },
        ...(rows.some((row) => row.chance !== null) ? [{ name: "by chance", numeric: true, value: (row) => row.chance, show: (row) => format.decimal(row.chance) }] : []),
        { name: "bar", title: "", bar: true, value: (row) => row.value, show: (row) => (share(row) ? W.meter(row.value, 1, row.interval, row.chance) : "") },
      ],
    });
  }

  function tests() {
    if (!W.study.tests.length) return W.empty("No table of this study was large enough to test.");
    const words = (facet, level) => `${(W.facets[facet] || { many: format.words(facet) }).many}${level ? `, level ${level}` : ""}`;
    return W.table({
      caption: "Chi-square test of each table of values and contexts", hideCaption: true, file: "association_tests", rows: W.study.tests,
      columns: [
        { name: "rows", value: (t) => words(t.row_facet, t.row_level) },
        { name: "contexts", value: (t) => words(t.column_facet, t.column_level) },
        { name: "conversations", numeric: true, value: (t) => t.n, show: (t) => format.count(t.n) },
        { name: "cells tested", numeric: true, value: (t) => t.n_tests, show: (t) => format.count(t.n_tests) },
        { name: "Cramér's V", numeric: true, value: (t) => t.cramers_v, show: (t) => format.decimal(t.cramers_v) },
        { name: "bound on residual", numeric: true, value: (t) => t.threshold, show: (t) => format.decimal(t.threshold) },
        { name: "significant cells", numeric: true, value: (t) => t.n_significant, show: (t) => format.count(t.n_significant) },
      ],
    });
  }

  function edits() {
    const facet = (name) => (W.facets[name] || { many: format.words(name) }).many;
    return W.table({
      caption: "Changes that a person made to the trees", hideCaption: true, file: "edits", rows: W.study.edits, sortable: false,
      columns: [
        { name: "edit", value: (row) => row.operation },
        { name: "tree, level", value: (row) => `${facet(row.facet)}, ${row.level}` },
        { name: "what", value: (row) => (row.result ? `${row.target} → ${row.result}` : row.target) },
        { name: "reason", value: (row) => row.reason },
      ],
    });
  }

  W.views.about = async function about() {
    const { counts } = W.study;
    const floor = counts.min_conversations === null ? "enough conversations" : `at least ${format.plural(counts.min_conversations, "conversation")}${counts.min_users === null || !counts.users ? "" : ` of ${format.plural(counts.min_users, "user")}`}`;
    return [
      h("h1", {}, "How far to trust this"),
      h("p", { class: "lead" }, "A language model read the conversations. These are its measured errors and the limits that follow."),
      h("section", {}, h("h2", {}, "Accuracy of the annotations"), accuracy()),
      h("section", {}, h("h2", {}, "Limits"),
        h("p", {}, "A row says that a reply demonstrated valuing something, stated or shown. It is no claim about what an assistant has, intends or achieves. Values of users are counted only when the user states them, so the two sides are not symmetric."),
        h("p", {}, `A cell is published only when it rests on ${floor}. A missing row means too few to publish, not never; under-represented contexts in particular are often missing for that reason.`),
        h("p", {}, "Clusters gather names by topic, not by polarity: a harmful value can sit in a cluster with a benign name. Shares of conversations and shares of mentions are different things, and each number says which it is."),
        h("p", {}, "Associations are adjusted Pearson residuals; an asterisk marks those that stay significant after Bonferroni. People, too, agree little with one another on which values a reply expresses."),
        W.study.demo ? h("p", {}, h("strong", {}, "These are demonstration data: "), "conversations written to try the software.") : null),
      h("section", {}, h("h2", {}, "Tests"), tests()),
      W.study.edits.length ? h("section", {}, h("h2", {}, "Edits by hand"), edits()) : null,
    ];
  };
})(wildvalues);
