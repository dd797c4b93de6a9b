// The lines of the pattern one points at or stands on, and its neighbours, stand out.
(() => {
  const map = document.querySelector("[data-map]");
  if (!map) return;
  const nodes = [...map.querySelectorAll("[data-node]")];
  const edges = [...map.querySelectorAll("[data-ends]")].map((path) => ({ path, ends: path.dataset.ends.split(" ") }));

  const show = (slug) => {
    const near = new Set(slug ? [slug] : []);
    for (const { path, ends } of edges) {
      const lit = ends.includes(slug);
      path.classList.toggle("lit", lit);
      if (lit) ends.forEach((end) => near.add(end));
    }
    map.classList.toggle("pointed", Boolean(slug));
    for (const node of nodes) {
      node.classList.toggle("near", near.has(node.dataset.node));
      node.classList.toggle("here", node.dataset.node === slug);
    }
  };
  const slugAt = (target) => target.closest?.("[data-node]")?.dataset.node;
  const focused = () => (map.contains(document.activeElement) ? slugAt(document.activeElement) : undefined);

  map.addEventListener("pointerover", (event) => show(slugAt(event.target) ?? focused()));
  map.addEventListener("pointerleave", () => show(focused()));
  map.addEventListener("focusin", (event) => show(slugAt(event.target)));
  map.addEventListener("focusout", () => show());
})();
