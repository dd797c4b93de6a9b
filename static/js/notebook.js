// Writing on experiments: what is being typed outlives a redraw, Escape folds a slip away, and a lost save is told.
(() => {
  // A redraw brings a new form with a new suggestion for the title; it does not replace what somebody has typed instead.
  let drafts = [];
  document.addEventListener("htmx:before:swap", () => {
    drafts = [...document.querySelectorAll(".save [data-keeps-typed]")]
      .filter((field) => field.value !== field.defaultValue)
      .map(({ id, value, selectionStart, selectionEnd }) => ({ id, value, selectionStart, selectionEnd }));
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const { id, value, selectionStart, selectionEnd } of drafts) {
      const field = document.getElementById(id);
      if (!field || field.value === value) continue;
      field.value = value;
      field.setSelectionRange(selectionStart, selectionEnd);
    }
  });

  document.addEventListener("keydown", (event) => {
    const details = event.key === "Escape" && event.target.closest?.("form[data-notebook]")?.closest("details");
    if (!details) return;
    details.open = false;
    details.querySelector("summary").focus();
  });

  document.addEventListener("htmx:response:error", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (!sourceElement.matches?.("form[data-notebook]") || [409, 422, 429].includes(response.status)) return;
    const place = document.getElementById("trouble");
    place.textContent = "That was not saved. What you wrote is still here; reload the page in another tab to see why.";
    place.hidden = false;
  });
})();
