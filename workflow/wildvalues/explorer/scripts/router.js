// Addresses: #/values, #/values/<id>, #/human-values/<id>, #/tasks/<id>, #/responses/<type>, #/map, #/accuracy ...
(function (W) {
  const { h } = W;
  const NAV = [["#/", "Overview"], ["#/values", "AI values"], ["#/human-values", "Human values"], ["#/tasks", "Tasks"], ["#/responses", "Kinds of reply"], ["#/map", "Map"], ["#/accuracy", "Accuracy and limits"]];
  const byRoute = Object.fromEntries(Object.entries(W.facets).map(([facet, words]) => [words.route, facet]));
  let turn = 0;

  function view(hash) {
    const at = hash.replace(/^#\/?/, "");
    const slash = at.indexOf("/");
    const route = slash < 0 ? at : at.slice(0, slash);
    let id = slash < 0 || slash === at.length - 1 ? null : at.slice(slash + 1);
    try {
      id = id === null ? null : decodeURIComponent(id);
    } catch {
      // A stray percent sign typed by hand: look the text up as it stands.
    }
    if (route === "") return W.views.home();
    if (route === "map") return W.views.map(id === null ? null : byRoute[id]);
    if (route === "accuracy") return W.views.about();
    const facet = byRoute[route];
    if (facet === "response_type") return W.views.responses(id);
    if (facet === "model" || facet === "language" || facet === "week") return W.views.flat(facet, id);
    if (facet) return id === null ? W.views.facet(facet) : W.views.node(facet, id);
    return [h("h1", {}, "No such page"), W.empty("This address leads nowhere. The views above and the search find everything there is.")];
  }

  async function show(first) {
    const mine = (turn += 1);
    const main = document.getElementById("main");
    let content;
    try {
      content = await view(window.location.hash);
    } catch (error) {
      content = [h("h1", {}, "This view could not be opened"), W.empty(error.message)];
    }
    if (mine !== turn) return;
    main.replaceChildren(...content.flat(Infinity).filter(Boolean));
    const route = `#/${window.location.hash.replace(/^#\/?/, "").split("/")[0]}`;
    document.getElementById("nav").replaceChildren(...NAV.map(([href, text]) => h("a", { href, "aria-current": href === route ? "page" : null }, text)));
    const head = main.querySelector("h1");
    document.title = head && head.textContent !== W.study.title ? `${head.textContent} · ${W.study.title}` : W.study.title;
    document.body.dataset.ready = window.location.hash || "#/";
    if (!first) {
      window.scrollTo(0, 0);
      main.focus({ preventScroll: true });
    }
  }

  async function start() {
    try {
      W.study = await W.load("study");
    } catch (error) {
      document.getElementById("main").replaceChildren(W.empty(error.message));
      return;
    }
    W.mountSearch(document.getElementById("search"));
    window.addEventListener("hashchange", () => show(false));
    await show(true);
  }
  start();
})(wildvalues);
