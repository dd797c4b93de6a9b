// The form of many runs: a knob's bounds come with it, another measure is drawn at once, and what waits for Run says so.
(() => {
  const fields = (axis) => axis.querySelector("[data-axis-range]");

  const show = (axis) => {
    const chosen = axis.querySelector("select").selectedOptions[0];
    fields(axis).hidden = !chosen?.dataset.high;
  };

  const choose = (axis) => {
    const chosen = axis.querySelector("select").selectedOptions[0];
    const [low, high] = fields(axis).querySelectorAll("input");
    low.value = chosen.dataset.low ?? "";
    high.value = chosen.dataset.high ?? "";
    show(axis);
  };

  const sayTurned = (turned) => {
    for (const note of document.querySelectorAll("[data-turned]")) note.hidden = !turned;
  };
  document.addEventListener("input", (event) => event.target.form?.matches("[data-many]") && sayTurned(true));
  document.addEventListener("htmx:before:request", (event) => event.detail.ctx?.sourceElement?.matches?.("[data-many]") && sayTurned(false));

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-axis]").forEach(show));
  document.addEventListener("change", (event) => {
    const axis = event.target.matches("[data-axis] > select") && event.target.closest("[data-axis]");
    if (axis) choose(axis);
    if (event.target.matches("[data-at-once]") && event.target.form.elements.x.value) event.target.form.requestSubmit();
  });
})();
