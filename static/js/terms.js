// Shows the definition of a term beside it: while pointed at, while in focus, or after a tap.
(() => {
  const LINGER_MS = 180;
  let open; // { link, card }
  let leaving;

  const hide = () => {
    clearTimeout(leaving);
    if (open?.card.matches(":popover-open")) open.card.hidePopover();
    open = undefined;
  };
  const hideSoon = () => {
    clearTimeout(leaving);
    leaving = setTimeout(hide, LINGER_MS);
  };
  const stay = () => clearTimeout(leaving);

  const place = ({ link, card }) => {
    const word = link.getClientRects()[0];
    const room = innerHeight - word.bottom;
    const top = room > card.offsetHeight + 12 ? word.bottom + 6 : word.top - card.offsetHeight - 6;
    const left = Math.min(word.left, innerWidth - card.offsetWidth - 12);
    card.style.top = `${Math.max(8, top)}px`;
    card.style.left = `${Math.max(12, left)}px`;
  };
  const show = (link) => {
    stay();
    const card = document.getElementById(link.dataset.term);
    if (!card?.showPopover || open?.card === card) return;
    hide();
    card.showPopover();
    open = { link, card };
    place(open);
  };

  for (const link of document.querySelectorAll("[data-term]")) {
    link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(link));
    link.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hideSoon());
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("blur", hideSoon);
    // A finger cannot point without tapping, so its tap shows; the card holds the links.
    link.addEventListener("click", (event) => {
      if (!["touch", "pen"].includes(event.pointerType) || !HTMLElement.prototype.showPopover) return;
      event.preventDefault();
      if (open?.link === link) hide();
      else show(link);
    });
  }
  for (const card of document.querySelectorAll(".term-card")) {
    card.addEventListener("pointerenter", stay);
    card.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hideSoon());
  }
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
  document.addEventListener("click", (event) => {
    if (open && !event.target.closest?.("[data-term], .term-card")) hide();
  });
  addEventListener("scroll", () => open && place(open), { passive: true });
})();
