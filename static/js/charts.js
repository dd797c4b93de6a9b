// The only place that calls Plotly. Draws the figures that a result carries as JSON, in the colours of the theme.
(() => {
  const plotlyAddress = document.currentScript.dataset.plotly;
  const CONFIG = { displayModeBar: false, responsive: true };
  const turns = new WeakMap();
  let loading;

  const plotly = () => {
    loading ??= new Promise((resolve, reject) => {
      if (window.Plotly) return resolve(window.Plotly);
      // A page that opens with charts has asked for it already.
      const asked = document.querySelector("script[data-plotly-itself]");
      const script = asked ?? Object.assign(document.createElement("script"), { src: plotlyAddress });
      script.addEventListener("load", () => resolve(window.Plotly));
      script.addEventListener("error", reject);
      if (!asked) document.head.append(script);
    });
    return loading;
  };

  const isDark = () => {
    const theme = document.documentElement.dataset.theme;
    return theme === "dark" || (theme === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  };

  // A figure is drawn in the light palette; each custom property of the style sheet knows both colours of a pair.
  const palette = () => {
    const style = getComputedStyle(document.documentElement);
    const pairs = new Map();
    for (const name of ["paper", "card", "ink", "soft", "line", "edge", "accent", "closed", "open", "half", "slow", "refused"]) {
      const pair = style.getPropertyValue(`--${name}`).match(/#[0-9a-f]{6}/gi);
      if (pair) pairs.set(pair[0].toLowerCase(), isDark() ? pair[1] : pair[0]);
    }
    return pairs;
  };

  const recolour = (value, pairs) => {
    if (typeof value === "string") return pairs.get(value) ?? value;
    if (Array.isArray(value)) return typeof value[0] === "number" ? value : value.map((item) => recolour(item, pairs));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, recolour(item, pairs)]));
    }
    return value;
  };

  const drawn = (result) => JSON.parse(result.querySelector('script[type="application/json"]')?.textContent ?? "null");

  const isInView = (place) => {
    const { top, bottom } = place.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };

  const atLeisure = () => new Promise((go) => (window.requestIdleCallback ?? setTimeout)(go, { timeout: 300 }));

  // The charts in view first, and when those are painted the others, one at a time, unless a newer answer has come.
  // "halfopen:drawn" says that what is in view has been drawn; data-drawn counts the answers drawn whole.
  const draw = async (result) => {
    const charts = drawn(result);
    if (!charts) return;
    const turn = (turns.get(result) ?? 0) + 1;
    turns.set(result, turn);
    const library = await plotly();
    const pairs = palette();
    const react = (place) => {
      const figure = recolour(charts[place.dataset.chart].figure, pairs);
      return library.react(place, figure.data, { ...figure.layout, autosize: true }, CONFIG);
    };
    if (turns.get(result) !== turn) return;
    const places = [...result.querySelectorAll("[data-chart]")];
    const first = places.filter(isInView);
    await Promise.all(first.map(react));
    result.dispatchEvent(new CustomEvent("halfopen:drawn", { bubbles: true }));
    for (const place of places.filter((place) => !first.includes(place))) {
      await atLeisure();
      if (turns.get(result) !== turn) return;
      await react(place);
    }
    result.dataset.drawn = String(Number(result.dataset.drawn ?? 0) + 1);
  };

  // A table is filled when somebody opens it: most people never do, and it is larger than its chart.
  const fill = (table, charts) => {
    const rows = charts[table.dataset.table].rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...row.map((cell) => Object.assign(document.createElement("td"), { textContent: cell ?? "–" })));
      return line;
    });
    table.tBodies[0].replaceChildren(...rows);
  };

  const fillOpen = (result) => {
    const charts = drawn(result);
    if (!charts) return;
    for (const table of result.querySelectorAll("details[open] > * > [data-table]")) fill(table, charts);
  };

  const drawAll = () => document.querySelectorAll("[data-result]").forEach(draw);

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener(
    "toggle",
    (event) => {
      const result = event.target.matches?.(".numbers[open]") && event.target.closest("[data-result]");
      if (result) fillOpen(result);
    },
    { capture: true },
  );
  // Where charts come only when asked for, fetch the library as soon as somebody reaches for them.
  for (const reach of ["pointerover", "focusin"]) {
    document.addEventListener(reach, (event) => event.target.closest?.("[data-wants-charts]") && plotly(), { passive: true });
  }
  document.addEventListener("halfopen:theme", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx?.target ?? event.target;
    const result = target.closest?.("[data-result]");
    if (result) {
      draw(result);
      fillOpen(result);
    } else target.querySelectorAll?.("[data-result]").forEach(draw);
  });
})();
