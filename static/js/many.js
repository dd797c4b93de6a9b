// The form of a sweep: a knob's bounds come with it, and another measure is drawn at once.
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

  document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("[data-axis]").forEach(show));
  document.addEventListener("change", (event) => {
    const axis = event.target.matches("[data-axis] > select") && event.target.closest("[data-axis]");
    if (axis) choose(axis);
    if (event.target.matches("[data-at-once]") && event.target.form.elements.x.value) event.target.form.requestSubmit();
  });
})();
