// Says so when the server cannot be reached, and marks what is being waited for.
(() => {
  const trouble = (words) => {
    const place = document.getElementById("trouble");
    place.textContent = words;
    place.hidden = !words;
  };

  const showCopies = () => {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = !navigator.clipboard;
  };
  document.addEventListener("DOMContentLoaded", showCopies);
  document.addEventListener("htmx:after:swap", showCopies);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.parentElement.querySelector(":scope > code, pre > code").textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });

  document.addEventListener("htmx:before:request", (event) => {
    const target = event.detail.ctx?.target;
    if (target?.matches?.("[data-result]")) target.setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:finally:request", () => {
    for (const result of document.querySelectorAll('[data-result][aria-busy="true"]')) result.removeAttribute("aria-busy");
  });
  // What somebody has opened stays open when its contents are exchanged.
  let opened = [];
  document.addEventListener("htmx:before:swap", () => {
    opened = [...document.querySelectorAll("details[open][id]")].map((details) => details.id);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  });
  document.addEventListener("htmx:after:request", () => trouble(""));
  document.addEventListener("htmx:error", (event) => {
    if (event.detail.error?.name === "AbortError") return;
    trouble("Halfopen did not answer. What you entered is kept; try again in a moment.");
  });
})();
