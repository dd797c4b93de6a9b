// The only place that calls Plotly. Draws the figures that a result carries as JSON, in the colours of the theme.
(() => {
  const plotlyAddress = document.currentScript.dataset.plotly;
  const CONFIG = { displayModeBar: false, responsive: true };
  let loading;

  const plotly = () => {
    loading ??= new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = plotlyAddress;
      script.addEventListener("load", () => resolve(window.Plotly));
      script.addEventListener("error", reject);
      document.head.append(script);
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

  const draw = async (result) => {
    const source = result.querySelector('script[type="application/json"]');
    if (!source) return;
    const figures = JSON.parse(source.textContent);
    const library = await plotly();
    const pairs = palette();
    await Promise.all(
      [...result.querySelectorAll("[data-chart]")].map((place) => {
        const figure = recolour(figures[place.dataset.chart], pairs);
        return library.react(place, figure.data, { ...figure.layout, autosize: true }, CONFIG);
      }),
    );
    result.dataset.drawn = String(Number(result.dataset.drawn ?? 0) + 1);
    result.dispatchEvent(new CustomEvent("halfopen:drawn", { bubbles: true }));
  };

  const drawAll = () => document.querySelectorAll("[data-result]").forEach(draw);

  document.addEventListener("DOMContentLoaded", drawAll);
  document.addEventListener("halfopen:theme", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx?.target ?? event.target;
    const result = target.closest?.("[data-result]");
    if (result) draw(result);
    else target.querySelectorAll?.("[data-result]").forEach(draw);
  });
})();
