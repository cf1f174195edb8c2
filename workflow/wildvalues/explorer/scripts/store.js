// Data comes as scripts, loaded when a view needs them, each at most once.
(function (W) {
  const received = new Map();
  const loading = new Map();

  W.receive = (key, value) => received.set(key, value);

  W.load = function load(key) {
    if (!loading.has(key)) {
      loading.set(
        key,
        new Promise((resolve, reject) => {
          const script = document.createElement("script");
          script.src = `data/${key}.js`;
          script.addEventListener("load", () => resolve(received.get(key)));
          script.addEventListener("error", () => {
            loading.delete(key);
            reject(new Error(`data/${key}.js is missing beside this page. Copy the whole folder, or make the page again.`));
          });
          document.head.append(script);
        }),
      );
    }
    return loading.get(key);
  };

  // FNV-1a over UTF-8, as in chunks.py.
  W.hash = function hash(id) {
    let state = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(id)) state = Math.imul(state ^ byte, 0x01000193) >>> 0;
    return state.toString(16).padStart(8, "0");
  };

  W.details = async function details(facet, id) {
    const { digits } = W.study.facets[facet];
    const chunk = await W.load(`${facet}/${W.hash(id).slice(0, digits) || "all"}`);
    return chunk[id] || {};
  };

  // A tree with its links made: children by row, row by id, and the top-level ancestor's hue.
  const trees = new Map();
  W.tree = async function tree(facet) {
    if (trees.has(facet)) return trees.get(facet);
    const raw = await W.load(`tree-${facet}`);
    const n = raw.names.length;
    const ids = raw.ids.map((id, row) => (id === null ? raw.names[row] : id));
    const children = Array.from({ length: n }, () => null);
    const hues = new Int8Array(n).fill(-1);
    const roots = [];
    const top = n ? raw.levels[0] : 0;
    for (let row = 0; row < n; row += 1) {
      const parent = raw.parents[row];
      if (parent >= 0) {
        (children[parent] ||= []).push(row);
        hues[row] = hues[parent];
      } else {
        roots.push(row);
        if (raw.levels[row] === top) hues[row] = (roots.length - 1) % 8;
      }
    }
    const made = { ...raw, facet, ids, children, hues, roots, rows: new Map(ids.map((id, row) => [id, row])) };
    trees.set(facet, made);
    return made;
  };
})(wildvalues);
