// What a browser has not yet heard to be saved: each change under a key of its own, so that tabs cannot overwrite each other's.
class Outbox {
  constructor(exam) {
    this.prefix = `exam:${exam}:`;
    this.memory = new Map();
    // Whether the browser's storage could not be used, so that leaving the page would lose what waits.
    this.forgetful = false;
  }

  // The browser's storage if it may be used, else this page's memory.
  get storage() {
    try {
      return window.localStorage;
    } catch {
      return null;
    }
  }

  add(change) {
    const key = `${this.prefix}${change.number}:${change.sequence}`;
    this.memory.set(key, change);
    try {
      window.localStorage.setItem(key, JSON.stringify(change));
      this.forgetful = false;
    } catch {
      // Full or forbidden: then the page's memory has to do.
      this.forgetful = true;
    }
  }

  remove(change) {
    const key = `${this.prefix}${change.number}:${change.sequence}`;
    this.memory.delete(key);
    try {
      this.storage?.removeItem(key);
    } catch {
      // As above.
    }
  }

  // All changes that wait, of every tab of this browser, the oldest first.
  waiting() {
    const found = new Map(this.memory);
    try {
      for (const key of Object.keys(this.storage ?? {})) {
        const change = key.startsWith(this.prefix) && this.read(this.storage.getItem(key));
        if (change) found.set(key, change);
      }
    } catch {
      // As above.
    }
    return [...found.values()].sort((one, other) => one.sequence - other.sequence);
  }

  // The change that another tab has just put into the storage, or null.
  heard(event) {
    return event.key?.startsWith(this.prefix) && event.newValue ? this.read(event.newValue) : null;
  }

  // A change, or null for what is none: one unreadable line must not hold up the others.
  read(text) {
    try {
      const change = JSON.parse(text);
      const isWhole = [change.number, change.sequence, change.made_at_ms].every(Number.isSafeInteger);
      return isWhole && typeof change.field === "string" && "value" in change ? change : null;
    } catch {
      return null;
    }
  }
}

// Sends what waits, one request at a time, again and again with growing pauses while nobody answers.
class Courier {
  static MOST = 200;
  static PATIENCE_MS = 10_000;
  static LONGEST_PAUSE_MS = 30_000;

  constructor(outbox, address, csrf, heard) {
    Object.assign(this, { outbox, address, csrf, heard });
    this.failures = 0;
    this.running = null;
    this.restamp = null;
  }

  // The token as it is now: it changes when somebody signs in, perhaps in another tab.
  token() {
    return document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? this.csrf;
  }

  // Resolves to whether everything is saved. Whoever asks while a request is on its way waits for the one after it too.
  send() {
    clearTimeout(this.timer);
    this.again = Boolean(this.running);
    this.running ??= this.run().finally(() => (this.running = null));
    return this.running;
  }

  async run() {
    let saved = true;
    do {
      this.again = false;
      const changes = this.outbox.waiting().slice(0, Courier.MOST);
      if (!changes.length) break;
      saved = await this.ask(changes);
    } while (saved && (this.again || this.outbox.waiting().length));
    if (!saved) this.retryLater();
    return saved;
  }

  async ask(changes) {
    let response;
    try {
      response = await this.post(changes, AbortSignal.timeout(Courier.PATIENCE_MS));
      if (!response.ok) throw new Error(String(response.status));
      const answer = await response.json();
      answer.outcomes.forEach((outcome, place) => this.settle(changes[place], outcome));
      this.failures = 0;
      this.heard.saved(answer, changes);
      return true;
    } catch {
      this.failures += 1;
      this.heard.lost(response?.status ?? 0);
      return false;
    }
  }

  post(changes, signal) {
    return fetch(this.address, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-CSRFToken": this.token() },
      body: JSON.stringify({ changes }),
      // The request outlives the page that made it.
      keepalive: true,
      signal,
    });
  }

  settle(change, outcome) {
    this.outbox.remove(change);
    if (outcome === "taken") this.restamp(change);
  }

  retryLater() {
    const pause = Math.min(1000 * 2 ** (this.failures - 1), Courier.LONGEST_PAUSE_MS);
    this.timer = setTimeout(() => this.send(), pause * (0.75 + Math.random() / 2));
  }
}
