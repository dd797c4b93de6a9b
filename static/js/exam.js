// A running exam in the browser: saves every change at once, turns pages without the server, shows the time.
// Without this file each page is a form whose every button saves; only answers given without a connection need it.
(() => {
  const exam = document.querySelector("[data-exam]");
  const find = (selector) => exam.querySelector(selector);
  const form = find("form.exam-form");
  const FIELDS = ["chosen", "flagged", "guessed"];
  const HIDDEN = "exam-time-hidden";

  // Time, by the server's clock: a change of this machine's clock changes nothing.
  let clock = { server: Number(exam.dataset.now), here: performance.now() };
  const now = () => clock.server + performance.now() - clock.here;
  const started = Number(exam.dataset.started);
  const deadline = Number(exam.dataset.deadline);

  // What the server and this browser know of each item. The higher sequence number is the newer.
  const items = new Map();
  const learn = (number, field, value, sequence) => {
    const item = items.get(number);
    if (!item || sequence < item[`${field}_sequence`]) return;
    item[field] = value;
    item[`${field}_sequence`] = sequence;
  };
  const learnAll = (state) => {
    clock = { server: state.now_ms, here: performance.now() };
    for (const row of state.items) {
      if (!items.has(row.number)) items.set(row.number, row);
      for (const field of FIELDS) learn(row.number, field, row[field], row[`${field}_sequence`]);
    }
    if (state.closed) leave();
  };
  const overlay = (change) => FIELDS.includes(change.field) && learn(change.number, change.field, change.value, change.sequence);

  // Sequence numbers follow the time, so that of two tabs the later choice is the newer one.
  const tab = Math.floor(Math.random() * 1000);
  let last = 0;
  const nextSequence = (number) => {
    const item = items.get(number);
    const known = Math.max(0, ...FIELDS.map((field) => item?.[`${field}_sequence`] ?? 0));
    last = Math.max(Math.floor(now() - started) * 1000 + tab, last + 1, known + 1);
    return last;
  };

  // Saving -------------------------------------------------------------------------------------------------------
  const outbox = new Outbox(exam.dataset.exam);
  const trouble = find("[data-connection]");
  const words = {
    404: "This exam is not open for whoever is signed in here now. {kept} Sign in as who began it, and they are sent.",
    403: "The server does not accept this page any more. {kept} Reload the page to send them.",
    0: "Connection lost. {kept} They are sent as soon as it is back.",
  };
  const warn = (text) => {
    if (trouble.hidden || trouble.textContent !== text) trouble.textContent = text;
    trouble.hidden = false;
  };
  const tell = (text) => {
    const place = find("[data-saved]");
    if (place) place.textContent = text;
  };
  let isLost = false;
  const lost = (status) => {
    isLost = true;
    tell("");
    const kept = outbox.forgetful ? "Your answers are kept on this page: leave it open." : "Your answers are kept in this browser.";
    warn((words[status] ?? words[0]).replace("{kept}", kept));
  };
  const found = () => {
    tell(isLost ? "Connection restored. Everything is saved." : "Saved");
    if (isLost) trouble.hidden = true;
    isLost = false;
  };
  const saved = (answer, changes) => {
    found();
    const told = answer.outcomes.filter((_, place) => FIELDS.includes(changes[place].field));
    if (told.includes("late")) warn("The time was over, or the exam submitted, before your last answer arrived. It does not count.");
    if (told.includes("refused")) warn("Your last change could not be kept. Reload the page to see what is.");
    learnAll(answer);
    show();
    if (isOver && !outbox.waiting().length) leave();
  };
  const courier = new Courier(outbox, exam.dataset.changes, exam.dataset.csrf, { saved, lost });
  courier.restamp = (change) => keep(change.number, change.field, change.value, change.made_at_ms);

  const keep = (number, field, value, made = now()) => {
    const change = { number, sequence: nextSequence(number), field, value, made_at_ms: Math.round(made) };
    outbox.add(change);
    overlay(change);
  };

  // Saves all and hears from the server how the exam stands: another tab or device may have gone on meanwhile.
  // Resolves to whether the server answered; if it did not, this is tried again.
  let asking;
  const catchUp = async () => {
    clearTimeout(asking);
    if (!(await courier.send())) return false;
    let response;
    try {
      response = await fetch(exam.dataset.state, { signal: AbortSignal.timeout(Courier.PATIENCE_MS) });
      if (!response.ok) throw new Error(String(response.status));
      learnAll(await response.json());
    } catch {
      lost(response?.status ?? 0);
      asking = setTimeout(catchUp, 5000);
      return false;
    }
    if (isLost) found();
    show();
    if (isOver) leave();
    return true;
  };

  // Pages --------------------------------------------------------------------------------------------------------
  const length = Number(exam.dataset.length);
  let number = Number(exam.dataset.number);
  const paper = new Map();
  const fetchPaper = async () => {
    try {
      const response = await fetch(exam.dataset.paper);
      if (!response.ok) return;
      const box = document.createElement("template");
      box.innerHTML = await response.text();
      for (const page of box.content.querySelectorAll("[data-question]")) paper.set(Number(page.dataset.question), page);
    } catch {
      // Then pages are turned by the server.
    }
  };
  const inputs = (name) => [...form.querySelectorAll(`[data-page] [name=${name}]`)];

  const show = () => {
    const item = form && items.get(number);
    if (!item) return;
    for (const input of inputs("chosen")) input.checked = item.chosen.includes(Number(input.value));
    for (const name of ["flagged", "guessed"]) for (const input of inputs(name)) input.checked = item[name];
    form.querySelector("[data-clear]").hidden = !item.chosen.length;
    for (const button of form.querySelectorAll("[data-to]")) {
      const other = items.get(Number(button.dataset.to));
      button.classList.toggle("is-answered", other.chosen.length > 0);
      button.classList.toggle("is-flagged", other.flagged);
      button.querySelector("[data-words]").textContent = (other.chosen.length ? ", answered" : "") + (other.flagged ? ", flagged" : "");
      if (other.number === number) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    }
    form.querySelector("[value=previous]").disabled = number === 1;
  };

  const address = (to) => exam.dataset.home + `${to}/`;
  const turn = async (to, remember = true) => {
    if (isOver) return;
    keepTime();
    courier.send();
    if (to === number) return;
    if (!paper.has(to)) await fetchPaper();
    if (!paper.has(to)) {
      // Without a connection the browser would show its own page in place of the exam.
      if (await catchUp()) location.assign(address(to));
      return;
    }
    number = to;
    form.querySelector("[data-page]").replaceChildren(document.importNode(paper.get(to), true));
    form.action = address(to);
    document.title = document.title.replace(/^Question \d+/, `Question ${to}`);
    if (remember) history.pushState({ number: to }, "", address(to));
    show();
    document.getElementById("question-number").focus({ preventScroll: true });
    form.scrollIntoView({ block: "nearest" });
    if (exam.getBoundingClientRect().top < 0) exam.scrollIntoView();
  };

  // How long the question was in sight.
  let since = document.hidden ? null : performance.now();
  const keepTime = () => {
    if (!form || since === null) return;
    const spent = Math.round(performance.now() - since);
    since = document.hidden || isOver ? null : performance.now();
    if (spent >= 500) keep(number, "spent_ms", spent, Math.min(now(), deadline));
  };

  const review = async () => {
    keepTime();
    if (await catchUp()) location.assign(address("review"));
  };

  const chosen = () => inputs("chosen").filter((input) => input.checked).map((input) => Number(input.value)).sort((a, b) => a - b);
  const listen = () => {
    form.addEventListener("change", (event) => {
      const { name } = event.target;
      if (!FIELDS.includes(name)) return;
      keep(number, name, name === "chosen" ? chosen() : event.target.checked);
      show();
      courier.send();
    });
    form.addEventListener("click", (event) => {
      if (!event.target.closest("[data-clear]")) return;
      keep(number, "chosen", []);
      show();
      courier.send();
      inputs("chosen")[0].focus();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const go = event.submitter?.value ?? "next";
      const to = { next: number + 1, previous: number - 1 }[go] ?? Number(go);
      if (go === "review" || to > length) review();
      else turn(Math.max(1, to));
    });
    addEventListener("popstate", () => {
      const to = Number(location.pathname.match(/\/(\d+)\/$/)?.[1]);
      if (to) turn(to, false);
    });
  };

  // The end ------------------------------------------------------------------------------------------------------
  let isOver = false;
  let leaving = false;
  const leave = () => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => location.assign(exam.dataset.home), trouble.hidden ? 0 : 3000);
  };
  const submitting = find("form[data-submit]");
  submitting?.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (!(await catchUp())) return;
    // Somebody may have signed in in another tab meanwhile.
    submitting.elements.csrfmiddlewaretoken.value = courier.token();
    submitting.submit();
  });

  const text = find("[data-clock-text]");
  // Shown for a minute, also where the time is hidden, and read out when the reader pauses.
  const WARNINGS = [0.2, 0.05];
  let warned;
  const announce = (words) => {
    clearTimeout(warned);
    find("[data-announce]").textContent = words;
    warned = setTimeout(() => (find("[data-announce]").textContent = ""), 60_000);
  };
  // A machine that slept may have stopped this page's clock: then the server's is asked for again.
  const between = () => Date.now() - performance.now();
  let usual = between();
  let before = Infinity;
  const tick = () => {
    const left = Math.max(0, deadline - now());
    const s = Math.ceil(left / 1000);
    const two = (value) => String(value).padStart(2, "0");
    text.textContent = s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    const share = left / (deadline - started);
    for (const mark of WARNINGS) {
      if (before === Infinity || before <= mark || share > mark) continue;
      const minutes = Math.ceil(left / 60_000);
      announce(`${mark * 100} % of the time is left: ${minutes} ${minutes === 1 ? "minute" : "minutes"}.`);
    }
    exam.classList.toggle("is-short", share <= WARNINGS[0]);
    exam.classList.toggle("is-ending", share <= WARNINGS[1]);
    before = share;
    if (Math.abs(between() - usual) > 2000) {
      usual = between();
      catchUp();
    }
    if (left > 0) return;
    clearInterval(ticking);
    end();
  };
  const end = async () => {
    isOver = true;
    keepTime();
    for (const control of form?.querySelectorAll("[data-page] :is(input, button)") ?? []) control.disabled = true;
    announce("Time is up.");
    // Without a connection this page stays, so that what waits can still arrive in time.
    await catchUp();
  };
  let ticking;
  const startClock = () => {
    const toggle = find("[data-clock-switch]");
    const face = find("[data-clock]");
    const set = (hidden) => {
      face.hidden = hidden;
      toggle.textContent = hidden ? "Show time" : "Hide time";
    };
    toggle.hidden = false;
    try {
      set(localStorage.getItem(HIDDEN) === "yes");
    } catch {
      // Then it is shown.
    }
    toggle.addEventListener("click", () => {
      set(!face.hidden);
      try {
        localStorage.setItem(HIDDEN, face.hidden ? "yes" : "no");
      } catch {
        // Then the choice lasts for this page.
      }
    });
    tick();
    ticking = setInterval(tick, 500);
  };

  // The start ----------------------------------------------------------------------------------------------------
  const known = document.getElementById("exam-state");
  if (known) learnAll(JSON.parse(known.textContent));
  for (const change of outbox.waiting()) overlay(change);
  if (form) {
    // On a narrow screen the question comes first and the grid waits to be opened.
    if (matchMedia("(max-width: 900px)").matches) form.querySelector(".navigator").open = false;
    show();
    listen();
    fetchPaper();
  }
  if (text) startClock();
  else setTimeout(() => setInterval(catchUp, 3000), Number(exam.dataset.over) * 1000);
  courier.send();

  addEventListener("storage", (event) => {
    const change = outbox.heard(event);
    if (!change) return;
    overlay(change);
    show();
  });
  addEventListener("online", catchUp);
  addEventListener("pageshow", (event) => event.persisted && catchUp());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      keepTime();
      courier.send();
    } else {
      if (!isOver) since = performance.now();
      catchUp();
    }
  });
  addEventListener("beforeunload", (event) => {
    if (outbox.forgetful && outbox.waiting().length) event.preventDefault();
  });
  addEventListener("pagehide", () => {
    keepTime();
    const changes = outbox.waiting().slice(0, Courier.MOST);
    if (changes.length) courier.post(changes).catch(() => {});
  });
})();
