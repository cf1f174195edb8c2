// Small drawings that sit in table cells; the numbers beside them say the same, so readers of screens skip them.
(function (W) {
  const { h } = W;
  const width = (share) => `${Math.max(0, Math.min(100, 100 * share)).toFixed(2)}%`;

  // A bar from 0 to `max`, a whisker for the interval, a mark for what was to be expected.
  W.meter = function meter(share, max, interval, mark) {
    const scale = max || 1;
    const parts = [h("i", { style: { width: width((share || 0) / scale) } })];
    if (interval && interval[0] !== null && interval[1] !== null)
      parts.push(h("b", { style: { left: width(interval[0] / scale), width: width((Math.min(interval[1], scale) - interval[0]) / scale) } }));
    if (mark !== undefined && mark !== null) parts.push(h("u", { style: { left: width(mark / scale) } }));
    return h("span", { class: "meter" }, parts);
  };

  // A bar to the right of the middle for more than expected, to the left for less.
  W.residual = function residual(value, max) {
    const share = Math.min(1, Math.abs(value) / (max || 1)) / 2;
    return h("span", { class: "meter split" },
      h("i", { class: value < 0 ? "less" : null, style: { left: width(value < 0 ? 0.5 - share : 0.5), width: width(share) } }));
  };

  W.stack = (parts) =>
    h("div", { class: "stack", "aria-hidden": "true" },
      parts.map(([type, share]) => h("span", { class: `t-${type}`, style: { width: width(share) }, title: `${W.format.words(type)}: ${W.format.percent(share)}` })));
})(wildvalues);
