// Keys for a question (A-F or 1-6, Enter, G U S, N P F, ?) and the focus after an answer. Without this file everything works by hand.
const SWITCH = "practice-keys";
const keySwitch = document.querySelector("[data-key-switch]");
const box = keySwitch.querySelector("input");

const kept = () => {
  try {
    return localStorage.getItem(SWITCH);
  } catch {
    return null;
  }
};

const isTyping = (element) =>
  element.isContentEditable || element.matches("textarea, select, input:not([type=radio], [type=checkbox])");

function press(key) {
  const letter = /^[1-6]$/.test(key) ? "abcdef"[key - 1] : key;
  const control = document.querySelector(`#question [data-key="${CSS.escape(letter)}"]`);
  if (!control) return false;
  if (control.matches("input")) control.focus();
  control.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  if (event.key === "?" && box.checked && !isTyping(event.target)) {
    const help = document.querySelector("[data-key-help]");
    help.open = !help.open;
    if (help.open) help.scrollIntoView({ block: "nearest" });
    event.preventDefault();
    return;
  }
  if (event.shiftKey) return;
  // The group, not one of its buttons: pressing Enter twice says nothing about how sure one is.
  const certainty = document.querySelector("#question .certainty");
  if (event.key === "Enter" && certainty && event.target.matches("#question input")) {
    certainty.focus();
    event.preventDefault();
  } else if (event.key.length === 1 && box.checked && !isTyping(event.target) && press(event.key.toLowerCase())) {
    event.preventDefault();
  }
});

document.addEventListener("htmx:after:swap", () => {
  document.querySelector("#question [data-takes-focus]")?.focus();
});

keySwitch.hidden = false;
box.checked = kept() !== "off";
box.addEventListener("change", () => {
  try {
    localStorage.setItem(SWITCH, box.checked ? "on" : "off");
  } catch {
    // Without storage the choice lasts for this page.
  }
});
