// Says so when the server cannot be reached, and marks what is being waited for.
(() => {
  const waiting = (event, busy) => {
    const target = event.detail.ctx?.target;
    if (target?.matches?.("[data-result]")) target.setAttribute("aria-busy", String(busy));
  };

  const trouble = (words) => {
    const place = document.getElementById("trouble");
    place.textContent = words;
    place.hidden = !words;
  };

  document.addEventListener("htmx:before:request", (event) => waiting(event, true));
  document.addEventListener("htmx:finally:request", (event) => waiting(event, false));
  document.addEventListener("htmx:after:request", () => trouble(""));
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.error?.name === "AbortError") return;
    trouble("Halfopen did not answer. What you entered is kept; try again in a moment.");
  });
})();
