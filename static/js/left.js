// On the page of a result: names, once, the answers that this browser never heard to be saved, and forgets them.
(() => {
  const place = document.querySelector("[data-left]");
  const outbox = new Outbox(place.dataset.left);
  const left = outbox.waiting();
  const numbers = new Set(left.filter((change) => change.field === "chosen").map((change) => change.number));
  for (const change of left) outbox.remove(change);
  if (!numbers.size) return;
  const which = [...numbers].sort((a, b) => a - b).join(", ");
  place.textContent = `The end came before this browser heard that your last answers were saved. Look at question ${which}: what stands there is what counted.`;
  place.hidden = false;
})();
