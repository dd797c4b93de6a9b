// Light, dark or the system's choice. Runs before the first paint so that no page flashes.
(() => {
  const KEY = "halfopen-theme";
  const CHOICES = ["auto", "light", "dark"];
  const root = document.documentElement;

  const kept = () => {
    try {
      const choice = localStorage.getItem(KEY);
      return CHOICES.includes(choice) ? choice : "auto";
    } catch {
      return "auto";
    }
  };

  const name = () => {
    for (const place of document.querySelectorAll("[data-theme-name]")) place.textContent = root.dataset.theme;
  };

  root.dataset.theme = kept();
  document.addEventListener("DOMContentLoaded", () => {
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.hidden = false;
      button.addEventListener("click", () => {
        const choice = CHOICES[(CHOICES.indexOf(root.dataset.theme) + 1) % CHOICES.length];
        try {
          localStorage.setItem(KEY, choice);
        } catch {
          // Without storage the choice lasts for this page.
        }
        root.dataset.theme = choice;
        name();
        document.dispatchEvent(new CustomEvent("halfopen:theme"));
      });
    }
    name();
  });
})();
