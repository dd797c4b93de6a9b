// Writing on experiments: what is being typed outlives a redraw, Escape folds a slip away, and a lost save is told.
(() => {
  // A redraw brings a new suggestion for the title; it does not replace what somebody has typed instead.
  document.addEventListener("htmx:before:morph:attr", (event) => {
    const element = event.target;
    if (event.detail.attrName === "value" && element.matches?.("[data-keeps-typed]") && element.value !== element.defaultValue) {
      event.preventDefault();
    }
    // Folding a slip up and out again would take the focus out of it.
    if (event.detail.attrName === "open" && element.matches?.("details.save")) event.preventDefault();
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
