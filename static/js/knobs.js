// Sliders beside the numbers, resets, knobs that hide when they have no effect, and a request at each turn.
(() => {
  // At most ten settings a second; the first at once, the last always.
  const PAUSE_MS = 100;

  const check = (knob) => {
    const number = knob.querySelector("input[type=number]");
    if (!number) return true;
    const wrong = !number.validity.valid;
    let error = knob.querySelector(".error");
    knob.classList.toggle("bad", wrong);
    number.setAttribute("aria-invalid", String(wrong));
    if (!wrong) {
      error?.remove();
      return true;
    }
    if (!error) {
      error = document.createElement("p");
      error.className = "error";
      error.setAttribute("role", "alert");
      knob.append(error);
    }
    const label = knob.querySelector("label").textContent;
    const kind = number.step === "1" ? "a whole number from " : "";
    error.textContent = `“${label}” is ${number.value || "empty"}; use ${kind}${number.min} to ${number.max}.`;
    return false;
  };

  const refresh = (form) => {
    const values = new FormData(form);
    for (const knob of form.querySelectorAll("[data-knob]")) {
      const now = values.get(knob.dataset.knob);
      const reset = knob.querySelector(".knob-reset");
      if (reset) reset.hidden = now === null || now === knob.dataset.default || Number(now) === Number(knob.dataset.default);
      const fit = (conditions) => Object.entries(conditions).every(([name, wanted]) => wanted.includes(values.get(name)));
      const shown = JSON.parse(knob.dataset.shownWhen || "null");
      const hidden = JSON.parse(knob.dataset.hiddenWhen || "null");
      if (shown || hidden) knob.hidden = Boolean((shown && !fit(shown)) || (hidden && fit(hidden)));
    }
    for (const group of form.querySelectorAll(".knob-group")) {
      group.hidden = [...group.querySelectorAll(".knob")].every((knob) => knob.hidden);
    }
  };

  const throttled = (act) => {
    let last = 0;
    let timer;
    return () => {
      clearTimeout(timer);
      const left = last + PAUSE_MS - performance.now();
      const go = () => {
        last = performance.now();
        act();
      };
      if (left <= 0) go();
      else timer = setTimeout(go, left);
    };
  };

  const set = (knob, wanted) => {
    for (const control of knob.querySelectorAll("input[type=number], input[type=range], input[type=text], select")) control.value = wanted;
    for (const radio of knob.querySelectorAll("input[type=radio]")) radio.checked = radio.value === wanted;
  };

  const prepare = (form) => {
    if (form.dataset.ready) return;
    form.dataset.ready = "yes";
    for (const range of form.querySelectorAll("input[type=range]")) range.hidden = false;
    const ask = throttled(() => form.dispatchEvent(new CustomEvent("turned", { bubbles: true })));
    const turned = (knob) => {
      refresh(form);
      if (!knob || check(knob)) ask();
    };
    form.addEventListener("input", (event) => {
      const other = event.target.type === "range" ? "number" : event.target.type === "number" ? "range" : null;
      const twin = other && event.target.closest(".knob")?.querySelector(`input[type=${other}]`);
      if (twin) twin.value = event.target.value;
      turned(event.target.closest("[data-knob]"));
    });
    form.addEventListener("click", (event) => {
      // Where a turned knob is not asked for at once, the link leads to the page as it begins.
      if (event.target.closest("[data-reset-all]") && !form.hasAttribute("data-many")) {
        event.preventDefault();
        for (const knob of form.querySelectorAll("[data-knob]")) {
          set(knob, knob.dataset.default);
          check(knob);
        }
        turned();
        return;
      }
      const reset = event.target.closest(".knob-reset");
      if (!reset) return;
      const knob = reset.closest("[data-knob]");
      set(knob, knob.dataset.default);
      turned(knob);
      knob.querySelector("input, select").focus();
    });
    refresh(form);
  };

  // On a narrow screen the knobs are a drawer below the charts, closed until somebody wants it; a wide one has no drawer.
  const narrow = matchMedia("(max-width: 900px)");
  const setDrawers = () => {
    for (const drawer of document.querySelectorAll(".bench > .knobs")) drawer.open = !narrow.matches;
  };

  // Opening the drawer brings the first chart to the top of the screen, so that turning a knob shows what it does.
  const showChartAbove = (event) => {
    if (!narrow.matches || !event.target.matches?.(".bench > .knobs[open]")) return;
    document.querySelector("[data-result] .chart")?.scrollIntoView({ block: "start" });
  };

  // After an answer: nothing is wrong any more, and a link beside the experiment leads to the run it now shows.
  const follow = (event) => {
    const result = (event.detail.ctx?.target ?? event.target).closest?.("[data-result]");
    if (!result) return;
    result.parentElement.querySelector("[data-problem]")?.replaceChildren();
    const address = result.querySelector("[data-address]")?.dataset.address;
    const link = result.closest("section")?.querySelector("[data-follows-run]");
    if (link && address) link.href = address;
  };

  // A link that its own answer takes away hands the focus on first, so that the keyboard does not lose its place.
  document.addEventListener("click", (event) => {
    const next = event.target.closest?.("[data-then-focus]")?.dataset.thenFocus;
    if (next) document.getElementById(next)?.focus({ preventScroll: true });
  });

  const prepareAll = () => document.querySelectorAll("form[data-knobs]").forEach(prepare);
  document.addEventListener("DOMContentLoaded", () => {
    setDrawers();
    prepareAll();
  });
  narrow.addEventListener("change", setDrawers);
  document.addEventListener("toggle", showChartAbove, { capture: true });
  document.addEventListener("htmx:after:swap", (event) => {
    prepareAll();
    follow(event);
  });
})();
