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
  const lost = find("[data-connection]");
  const words = {
    404: "This exam is not open for whoever is signed in here now. Your answers are kept in this browser: sign in as who began it, and they are sent.",
    403: "The server did not accept this page any more. Your answers are kept in this browser: reload the page to send them.",
    0: "Connection lost. Your answers are kept in this browser and are sent as soon as it is back.",
  };
  const tell = (text) => {
    const saved = find("[data-saved]");
    if (saved) saved.textContent = text;
  };
  const courier = new Courier(outbox, exam.dataset.changes, exam.dataset.csrf, {
    saved(answer, outcomes) {
      tell(lost.hidden ? "Saved" : "Connection restored. Everything is saved.");
      lost.hidden = true;
      if (outcomes.includes("late")) lateIsTold();
      learnAll(answer);
      show();
    },
    lost(status) {
      tell("");
      const text = words[status] ?? words[0];
      if (lost.hidden || lost.textContent !== text) lost.textContent = text;
      lost.hidden = false;
    },
  });
  courier.restamp = (change) => keep(change.number, change.field, change.value, change.made_at_ms);

  const keep = (number, field, value, made = now()) => {
    const change = { number, sequence: nextSequence(number), field, value, made_at_ms: Math.round(made) };
    outbox.add(change);
    overlay(change);
  };
  const lateIsTold = () => {
    lost.textContent = "The time was over, or the exam submitted, before your last answer arrived. It does not count.";
    lost.hidden = false;
  };

  // Whatever brings this page back, another tab or device may have gone on meanwhile.
  const catchUp = async () => {
    if (!(await courier.send())) return;
    try {
      const response = await fetch(exam.dataset.state, { signal: AbortSignal.timeout(10_000) });
      if (!response.ok) return;
      learnAll(await response.json());
      show();
    } catch {
      // The next change will tell.
    }
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
  const turn = (to, remember = true) => {
    keepTime();
    courier.send();
    if (to === number) return;
    if (!paper.has(to)) {
      location.assign(address(to));
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
    since = document.hidden ? null : performance.now();
    if (spent >= 500) keep(number, "spent_ms", spent);
  };

  const review = async () => {
    keepTime();
    if (await courier.send()) location.assign(address("review"));
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
  let leaving = false;
  const leave = () => {
    if (leaving) return;
    leaving = true;
    setTimeout(() => location.assign(exam.dataset.home), lost.hidden ? 0 : 3000);
  };
  const submitting = find("form[data-submit]");
  submitting?.addEventListener("submit", async (event) => {
    if (!outbox.waiting().length) return;
    event.preventDefault();
    if (await courier.send()) submitting.submit();
  });

  const text = find("[data-clock-text]");
  const announce = (left) => {
    const minutes = Math.ceil(left / 60_000);
    find("[data-announce]").textContent = minutes === 1 ? "One minute left" : `${minutes} minutes left`;
  };
  let before = Infinity;
  const tick = () => {
    const left = Math.max(0, deadline - now());
    const s = Math.ceil(left / 1000);
    const two = (value) => String(value).padStart(2, "0");
    text.textContent = s >= 3600 ? `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
    const share = left / (deadline - started);
    for (const mark of [0.2, 0.05]) if (before > mark && share <= mark && before !== Infinity) announce(left);
    exam.classList.toggle("is-short", share <= 0.2);
    before = share;
    if (left > 0) return;
    clearInterval(ticking);
    end();
  };
  const end = async () => {
    for (const input of form?.querySelectorAll("[data-page] input") ?? []) input.disabled = true;
    keepTime();
    find("[data-announce]").textContent = "Time is up";
    await courier.send();
    leave();
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
  else setTimeout(() => location.reload(), Number(exam.dataset.over) * 1000);
  courier.send();

  addEventListener("storage", (event) => {
    const change = outbox.heard(event);
    if (!change) return;
    overlay(change);
    show();
  });
  addEventListener("online", () => courier.send());
  addEventListener("pageshow", (event) => event.persisted && catchUp());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      keepTime();
      courier.send();
    } else {
      since = performance.now();
      catchUp();
    }
  });
  addEventListener("pagehide", () => {
    keepTime();
    const changes = outbox.waiting().slice(0, Courier.MOST);
    if (changes.length) courier.post(changes).catch(() => {});
  });
})();
