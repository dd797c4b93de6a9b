// The player of a replay: frames by hand, by keys or by themselves, and the charts' cursor in step with them.
// Loaded with the first replay that somebody opens; a module runs once however often it is loaded.
const FRAME_MS = 50;
// A change of state is held longer, all of them together for at most this long.
const HOLD_MS = 600;
const HOLDS_MS = 8000;
const FLIGHT_MS = 650;
const MOST_DOTS = 3;
const DOT_PAUSE_MS = 90;

const still = matchMedia("(prefers-reduced-motion: reduce)");

// The frames come with only what differs from the one before; here each becomes whole again.
const whole = (packed) => {
  let parts = {};
  return packed.map((frame) => {
    parts = { ...parts };
    for (const [name, changes] of Object.entries(frame.parts)) {
      const before = parts[name] ?? {};
      const now = { ...before, ...changes };
      for (const kind of ["cells", "levels"]) {
        if (!Array.isArray(changes[kind])) continue;
        const [from, letters] = changes[kind];
        now[kind] = before[kind].slice(0, from) + letters + before[kind].slice(from + letters.length);
      }
      parts[name] = now;
    }
    return { at: frame.at_s, say: frame.say, key: frame.key, parts };
  });
};

const setters = {
  state: (part, value) => (part.dataset.state = value),
  text: (part, value) => (part.textContent = value),
  share: (part, value) => part.style.setProperty("--share", value),
  cells: (part, value, before = "") => {
    for (let i = 0; i < value.length; i++) if (value[i] !== before[i]) part.children[i].dataset.state = value[i];
  },
  levels: (part, value, before = "") => {
    for (let i = 0; i < value.length; i++) if (value[i] !== before[i]) part.children[i].style.setProperty("--share", value[i] / 9);
  },
  head: (part, value, before) => {
    part.children[before]?.removeAttribute("data-head");
    part.children[value]?.setAttribute("data-head", "");
  },
  flow: () => {},
};

// Dots along a path, in the colour of what they are.
const fly = (path, number) => {
  if (!path.waypoints) {
    const length = path.getTotalLength();
    path.waypoints = Array.from({ length: 13 }, (_, i) => path.getPointAtLength((length * i) / 12)).map(
      (point) => ({ transform: `translate(${point.x}px, ${point.y}px)` }),
    );
  }
  const dots = Math.min(number, MOST_DOTS, Math.floor((performance.now() - (path.flown ?? -1000)) / DOT_PAUSE_MS));
  if (dots < 1) return;
  path.flown = performance.now();
  for (let i = 0; i < dots; i++) {
    const dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    dot.setAttribute("class", `r-dot r-dot-${path.dataset.part}`);
    dot.setAttribute("r", "4");
    dot.dataset.state = path.dataset.state;
    path.after(dot);
    dot.animate(path.waypoints, { duration: FLIGHT_MS, delay: i * DOT_PAUSE_MS, fill: "backwards" }).finished.then(
      () => dot.remove(),
      () => dot.remove(),
    );
  }
};

const start = (root) => {
  if (root.dataset.ready) return;
  root.dataset.ready = "yes";
  const find = (name) => root.querySelector(`[data-${name}]`);
  const [player, at, say, scrub, speed, announce, stale] = ["player", "at", "say", "scrub", "speed", "announce", "stale"].map(find);
  const playButton = root.querySelector('[data-do="play"]');
  const frames = whole(JSON.parse(root.querySelector('script[type="application/json"]').textContent));
  const parts = [...root.querySelectorAll("[data-part]")].map((part) => [part, part.dataset.part]);
  const keys = frames.flatMap((frame, number) => (frame.key ? [number] : []));
  const holdMs = Math.min(HOLD_MS, HOLDS_MS / keys.length);
  const last = frames.length - 1;
  const result = root.closest("[data-result]");
  const shown = new Map(parts.map(([, name]) => [name, {}]));
  let current = -1;
  let playing = false;
  let frame; // the browser's, while playing

  const cursor = (seconds) =>
    result?.dispatchEvent(new CustomEvent("halfopen:cursor", { detail: { at_s: seconds } }));

  const show = (wanted, announced = true) => {
    const number = Math.max(0, Math.min(last, wanted));
    const forward = number === current + 1;
    if (!forward) for (const dot of root.querySelectorAll(".r-dot")) dot.remove();
    if (number !== current) {
      for (const [part, name] of parts) {
        const before = shown.get(name);
        const now = frames[number].parts[name];
        if (now !== before) {
          for (const [kind, value] of Object.entries(now)) if (value !== before[kind]) setters[kind](part, value, before[kind]);
          shown.set(name, now);
        }
        if (forward && now.flow && !still.matches) fly(part, now.flow);
      }
      current = number;
      at.textContent = `${frames[number].at.toFixed(2)} s`;
      say.textContent = frames[number].say;
      scrub.value = number;
      scrub.setAttribute("aria-valuetext", `${frames[number].at.toFixed(2)} seconds`);
    }
    cursor(frames[number].at);
    if (announced) announce.textContent = `${at.textContent}: ${frames[number].say}`;
  };

  const pause = () => {
    if (!playing) return;
    playing = false;
    cancelAnimationFrame(frame);
    playButton.textContent = "Play";
    show(current);
  };

  const play = () => {
    if (playing) return;
    playing = true;
    playButton.textContent = "Pause";
    announce.textContent = "";
    if (current === last) show(0, false);
    let then = performance.now();
    let spentMs = 0; // on the current frame
    const tick = (now) => {
      if (!root.isConnected) return;
      spentMs += (now - then) * Number(speed.value);
      then = now;
      const costs = () => FRAME_MS + (frames[current].key ? holdMs : 0);
      while (current < last && spentMs >= costs()) {
        spentMs -= costs();
        show(current + 1, false);
      }
      if (current === last) {
        pause();
        return;
      }
      const next = frames[current + 1].at;
      const past = Math.max(0, 1 - (costs() - spentMs) / FRAME_MS);
      if (!still.matches) cursor(frames[current].at + (next - frames[current].at) * past);
      frame = requestAnimationFrame(tick);
    };
    frame = requestAnimationFrame(tick);
  };

  const step = (by) => {
    pause();
    show(current + by);
  };

  const nearest = (seconds) => {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (frames[middle].at < seconds) low = middle + 1;
      else high = middle;
    }
    return low && seconds - frames[low - 1].at < frames[low].at - seconds ? low - 1 : low;
  };

  const close = () => {
    pause();
    cursor(null);
    const opener = result.querySelector("[data-replay-open]");
    root.remove();
    result?.removeAttribute("data-replaying");
    opener?.focus();
  };

  const acts = {
    play: () => (playing ? pause() : play()),
    back: () => step(-1),
    on: () => step(1),
    begin: () => (pause(), show(0)),
    end: () => (pause(), show(last)),
    next: () => (pause(), show(keys.find((key) => key > current) ?? last)),
    faster: () => (speed.selectedIndex = Math.min(speed.options.length - 1, speed.selectedIndex + 1)),
    slower: () => (speed.selectedIndex = Math.max(0, speed.selectedIndex - 1)),
    renew: () => result.querySelector("[data-replay-open]").click(),
    close,
  };
  root.acts = acts;

  root.addEventListener("click", (event) => {
    const wanted = event.target.closest("[data-do]")?.dataset.do;
    if (wanted) acts[wanted]();
    const moment = event.target.closest("[data-moment]")?.dataset.moment;
    if (moment && event.target.matches("button")) {
      pause();
      show(Number(moment));
    }
  });
  scrub.addEventListener("input", () => {
    pause();
    show(Number(scrub.value), false);
  });
  for (const place of root.querySelectorAll("[data-moment]")) {
    const go = Object.assign(document.createElement("button"), { type: "button", textContent: place.textContent });
    place.replaceChildren(go);
  }
  const gone = new AbortController();
  const leave = () => {
    gone.abort();
    if (!result.querySelector("[data-replay]")) result.removeAttribute("data-replaying");
  };
  const heard = (name, act) =>
    result?.addEventListener(name, (event) => (root.isConnected ? act(event) : leave()), { signal: gone.signal });
  heard("halfopen:scrub", (event) => {
    pause();
    show(nearest(event.detail.at_s), event.detail.done);
  });
  // The charts have been drawn anew: of the same run in another theme or size, or of another run.
  const compare = () => {
    const other = result?.querySelector("[data-run-shown]")?.dataset.runShown;
    const old = other !== undefined && other !== root.dataset.run;
    stale.hidden = !old;
    root.toggleAttribute("data-old", old);
    result?.toggleAttribute("data-replaying", !old);
    if (old) pause();
    cursor(old ? null : frames[current].at);
  };
  heard("halfopen:drawn", compare);

  player.hidden = false;
  show(0);
  compare();
  if (root.hasAttribute("data-alone")) return;
  playButton.focus({ preventScroll: true });
  root.scrollIntoView({ block: "nearest" });
  if (!still.matches && stale.hidden) play();
};

// Signs are heard inside the player only; space and the arrows also when nothing else has the focus.
const ANYWHERE = { " ": "play", ArrowLeft: "back", ArrowRight: "on" };
const INSIDE = { ...ANYWHERE, ",": "back", ".": "on", n: "next", Home: "begin", End: "end", "+": "faster", "=": "faster", "-": "slower" };

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey) return;
  const own = event.target.closest?.("[data-replay]");
  const idle = event.target === document.body || event.target.id === "main";
  const root = own ?? (idle ? document.querySelector("[data-replay]:not([data-old])") : null);
  const wanted = (own ? INSIDE : ANYWHERE)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!root?.acts || !wanted) return;
  // A button, a list or a scrolling table keeps the keys that are its own.
  if (event.key === " " && event.target.matches("button, summary, select")) return;
  if (event.target.matches("select, .table-scroll")) return;
  event.preventDefault();
  root.acts[wanted]();
});

const startAll = () => document.querySelectorAll("[data-replay]").forEach(start);
document.addEventListener("htmx:after:swap", startAll);
startAll();
