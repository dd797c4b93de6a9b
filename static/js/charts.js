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
  // Reading them makes the browser work out the style of a page that has just changed, so they are kept for each theme.
  const palettes = new Map();
  const palette = () => {
    const dark = isDark();
    if (!palettes.has(dark)) palettes.set(dark, pairsOf(dark));
    return palettes.get(dark);
  };

  const pairsOf = (dark) => {
    const style = getComputedStyle(document.documentElement);
    const pairs = new Map();
    for (const name of ["paper", "card", "ink", "soft", "line", "edge", "accent", "closed", "open", "half", "slow", "refused"]) {
      const pair = style.getPropertyValue(`--${name}`).match(/#[0-9a-f]{6}/gi);
      if (pair) pairs.set(pair[0].toLowerCase(), dark ? pair[1] : pair[0]);
    }
    return pairs;
  };

  const recolour = (value, pairs) => {
    if (typeof value === "string") return pairs.get(value) ?? value;
    // Long rows of numbers are left alone; a colour scale holds pairs of a number and a colour.
    if (Array.isArray(value)) return typeof value.at(-1) === "number" ? value : value.map((item) => recolour(item, pairs));
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, recolour(item, pairs)]));
    }
    return value;
  };

  const drawn = (result) => JSON.parse(result.querySelector(':scope > script[type="application/json"]')?.textContent ?? "null");

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
    for (const button of result.querySelectorAll("[data-picture]")) button.hidden = false;
    const turn = (turns.get(result) ?? 0) + 1;
    turns.set(result, turn);
    const library = await plotly();
    const pairs = palette();
    const react = async (place) => {
      const { figure, opens } = charts[place.dataset.chart];
      const shown = recolour(figure, pairs);
      await library.react(place, shown.data, { ...shown.layout, autosize: true }, CONFIG);
      if (opens) openOnClick(place, result);
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
    const { rows, opens } = charts[table.dataset.table];
    const lines = rows.map((row) => {
      const line = document.createElement("tr");
      line.append(...row.map((cell) => Object.assign(document.createElement("td"), { textContent: cell ?? "–" })));
      if (opens) linked(line.firstChild, addressOf(opens, row));
      return line;
    });
    table.tBodies[0].replaceChildren(...lines);
  };

  // Where a chart's points are runs: the address of the one with these values.
  const addressOf = ({ address, names }, values) => {
    const url = new URL(address, location.origin);
    names.forEach((name, place) => url.searchParams.set(name, values[place]));
    return url.pathname + url.search;
  };

  const linked = (cell, address) => {
    const link = Object.assign(document.createElement("a"), { href: address, textContent: cell.textContent });
    cell.replaceChildren(link);
  };

  const openOnClick = (place, result) => {
    if (place.dataset.opens) return;
    place.dataset.opens = "yes";
    place.on("plotly_click", ({ points: [point] }) => {
      location.assign(addressOf(drawn(result)[place.dataset.chart].opens, [point.x, point.y]));
    });
  };

  const fillOpen = (result) => {
    const charts = drawn(result);
    if (!charts) return;
    for (const table of result.querySelectorAll("details[open] > * > [data-table]")) fill(table, charts);
  };

  // A picture goes into papers and slides: always in the light colours, on white, with its title and its legend.
  // A picture cannot carry the page's font, so its letters are measured and drawn in the viewer's own sans serif.
  const pictured = (figure, title, note, size) => {
    const light = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).match(/#[0-9a-f]{6}/i)[0];
    return {
      data: figure.data,
      layout: {
        ...figure.layout,
        ...size,
        font: { family: "Helvetica, Arial, sans-serif", size: 15 },
        title: {
          text: title,
          subtitle: { text: note, font: { size: 15, color: light("soft") } },
          font: { size: 21, color: light("ink") },
          ...{ x: 0, xref: "paper", xanchor: "left", y: 1, yref: "container", yanchor: "top", pad: { t: 20 } },
        },
        margin: { l: 76, r: 30, t: 92, b: 116 },
        showlegend: true,
        legend: { orientation: "h", traceorder: "normal", x: 0, xanchor: "left", yref: "container", y: 0.02, yanchor: "bottom" },
        paper_bgcolor: light("card"),
        plot_bgcolor: light("card"),
      },
    };
  };

  const savePicture = async (button) => {
    const chart = button.closest(".chart");
    const place = chart.querySelector("[data-chart]");
    const figure = drawn(chart.closest("[data-result]"))[place.dataset.chart].figure;
    const size = { width: 1200, height: 280 + place.offsetHeight };
    const words = (part) => chart.querySelector(part).textContent;
    // What a click on the page does is no news in a picture; which run it is, is.
    const note = [words(".chart-note").split("; choose")[0], button.parentElement.dataset.run].filter(Boolean).join(" · ");
    const picture = pictured(figure, words("h3"), note, size);
    const format = button.dataset.picture;
    const library = await plotly();
    await library.downloadImage(picture, { format, ...size, scale: format === "png" ? 2 : 1, filename: button.parentElement.dataset.file });
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
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-picture]");
    if (button) savePicture(button);
  });
  // Where charts come only when asked for, fetch the library as soon as somebody reaches for them.
  for (const reach of ["pointerover", "focusin"]) {
    document.addEventListener(reach, (event) => event.target.closest?.("[data-wants-charts]") && plotly(), { passive: true });
  }
  document.addEventListener("halfopen:theme", drawAll);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.addEventListener("htmx:after:swap", (event) => {
    const target = event.detail.ctx?.target ?? event.target;
    if (target.closest?.("[data-apart]")) return; // stands inside a result and changes nothing of it
    const result = target.closest?.("[data-result]");
    if (result) {
      draw(result);
      fillOpen(result);
    } else target.querySelectorAll?.("[data-result]").forEach(draw);
  });

  // A line at one moment across every chart over time, for a replay. Charts over time have seconds on their axis.
  const timeAxis = (place) => {
    const axis = place._fullLayout?.xaxis;
    return axis?.ticksuffix === " s" ? axis : null;
  };

  const placeCursor = (place, at_s) => {
    const axis = timeAxis(place);
    if (!axis) return;
    let line = place.querySelector(":scope > .cursor");
    if (!line) {
      line = Object.assign(document.createElement("div"), { className: "cursor" });
      place.append(line);
      place.on("plotly_afterplot", () => placeCursor(place, place.cursorAt));
    }
    place.cursorAt = at_s;
    const x = at_s === null ? -1 : axis.l2p(at_s);
    line.hidden = !(x >= 0 && x <= axis._length);
    if (!line.hidden) line.style.transform = `translateX(${axis._offset + x}px)`;
  };

  document.addEventListener(
    "halfopen:cursor",
    (event) => event.target.querySelectorAll("[data-chart]").forEach((place) => placeCursor(place, event.detail.at_s)),
    { capture: true },
  );

  // While a replay is open, pressing and dragging on a chart leads to that moment, instead of to Plotly's zoom.
  let scrubbed = null;
  const scrub = (event, done) => {
    const axis = timeAxis(scrubbed);
    const x = event.clientX - scrubbed.getBoundingClientRect().left - axis._offset;
    const at_s = axis.p2l(Math.max(0, Math.min(axis._length, x)));
    scrubbed.dispatchEvent(new CustomEvent("halfopen:scrub", { bubbles: true, detail: { at_s, done } }));
  };
  const REPLAYED = "[data-replaying] [data-chart]";
  const scrubbable = (event) => !event.button && event.target.closest?.(REPLAYED);
  for (const press of ["mousedown", "touchstart"]) {
    document.addEventListener(press, (event) => scrubbable(event) && event.stopPropagation(), { capture: true, passive: true });
  }
  document.addEventListener("pointerdown", (event) => {
    const place = scrubbable(event);
    if (!place || !timeAxis(place)) return;
    scrubbed = place;
    scrub(event, false);
  });
  document.addEventListener("pointermove", (event) => scrubbed && scrub(event, false));
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, (event) => {
      if (scrubbed && end === "pointerup") scrub(event, true);
      scrubbed = null;
    });
  }
})();
