// Search over every name of the study: a combobox after the ARIA authoring practices.
(function (W) {
  const { h } = W;
  const FOUND = 12;
  const TREES = ["ai_values", "human_values", "task"];

  // Names that start with the words come first, then names with a word that does, then the rest; frequent ones first.
  W.find = async function find(text) {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return [];
    const groups = [[], [], []];
    for (const facet of TREES) {
      const tree = await W.tree(facet);
      tree.folded ||= tree.names.map((name) => name.toLowerCase());
      tree.folded.forEach((name, row) => {
        const at = name.indexOf(wanted);
        if (at < 0) return;
        const rank = at === 0 ? 0 : /[\s(-]/.test(name[at - 1]) ? 1 : 2;
        groups[rank].push({ facet, id: tree.ids[row], name: tree.names[row], level: tree.levels[row], share: tree.shares[row] || 0 });
      });
    }
    return groups.flatMap((group) => group.sort((a, b) => b.share - a.share)).slice(0, FOUND);
  };

  W.mountSearch = function mountSearch(place) {
    let options = [];
    let active = -1;
    let asked = 0;
    const list = h("ul", { id: "found", role: "listbox", "aria-label": "Names found", hidden: true });
    const input = h("input", {
      type: "search", placeholder: "Search values and tasks", "aria-label": "Search values and tasks", role: "combobox", autocomplete: "off", spellcheck: "false",
      "aria-expanded": "false", "aria-controls": "found", "aria-autocomplete": "list",
      on: { input: update, keydown: onKey, focus: update, blur: () => setTimeout(close, 150) },
    });

    async function update() {
      const turn = (asked += 1);
      const text = input.value;
      const found = await W.find(text);
      if (turn !== asked) return;
      options = found;
      active = found.length ? 0 : -1;
      if (!text.trim()) return close();
      list.replaceChildren(...(found.length ? found.map(option) : [h("li", { class: "none", role: "option", "aria-disabled": "true" }, "No name contains these letters")]));
      list.hidden = false;
      input.setAttribute("aria-expanded", "true");
      mark();
    }
    function option(item, i) {
      const what = item.level > 0 ? `cluster of ${W.facets[item.facet].many}` : W.facets[item.facet].one;
      return h("li", { role: "option", id: `found-${i}`, on: { mousedown: (event) => { event.preventDefault(); go(item); } } }, h("span", {}, item.name), h("small", {}, what));
    }
    function mark() {
      [...list.children].forEach((item, i) => item.setAttribute("aria-selected", String(i === active)));
      if (active >= 0) {
        input.setAttribute("aria-activedescendant", `found-${active}`);
        list.children[active].scrollIntoView({ block: "nearest" });
      } else input.removeAttribute("aria-activedescendant");
    }
    function close() {
      list.hidden = true;
      input.setAttribute("aria-expanded", "false");
      input.removeAttribute("aria-activedescendant");
    }
    function go(item) {
      input.value = "";
      close();
      window.location.hash = W.link(item.facet, item.id);
    }
    function onKey(event) {
      if (event.key === "Escape") return close();
      if (event.key === "Enter" && active >= 0 && !list.hidden) return go(options[active]);
      if ((event.key === "ArrowDown" || event.key === "ArrowUp") && options.length) {
        event.preventDefault();
        active = (active + (event.key === "ArrowDown" ? 1 : options.length - 1)) % options.length;
        mark();
      }
    }
    place.replaceChildren(input, list);
    document.addEventListener("keydown", (event) => {
      if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName)) {
        event.preventDefault();
        input.focus();
      }
    });
  };
})(wildvalues);
