// Shows the messages that wait for a customer, one at a time, as text and never as HTML, and says what became of them.
(() => {
  "use strict";
  const PLACE = "c360-inbox";
  let memory = {};
  // Without storage, memory does.
  const store = (act) => {
    try {
      return act();
    } catch {
      return null;
    }
  };
  // What was told, each until its message ends, and what of it is not sent yet.
  const load = () => {
    memory = store(() => JSON.parse(localStorage.getItem(PLACE))) ?? memory;
    return {told: {}, unsent: [], ...memory};
  };
  const save = (state) => {
    memory = state;
    store(() => localStorage.setItem(PLACE, JSON.stringify(state)));
  };
  const make = (name, more) => Object.assign(document.createElement(name), more);
  const key = (message, what) => encodeURIComponent(message.message_id) + "/" + what;

  function start({url, token, into = document.body}) {
    let known;
    let sending = false;
    let stopped = false;
    let close = () => {};

    // Null is no answer: offline, no token, a server in trouble.
    const call = async (path, method) => {
      try {
        for (let attempt = 0; attempt < 2; attempt++) {
          known ??= await token();
          const answer = await fetch(url.replace(/\/$/, "") + "/v1/inbox" + path, {
            method,
            headers: {authorization: "Bearer " + known},
            keepalive: method === "POST",
          });
          if (answer.status !== 401) return answer.status < 500 && answer.status !== 429 ? answer : null;
          known = undefined;
        }
      } catch {
        known = undefined;
      }
      return null;
    };

    const flush = async () => {
      if (sending) return;
      sending = true;
      for (let next; (next = load().unsent[0]); ) {
        if (!(await call("/messages/" + next, "POST"))) break;
        const state = load();
        save({...state, unsent: state.unsent.filter((one) => one !== next)});
      }
      sending = false;
    };
    const tell = (message, what) => {
      const state = load();
      const said = key(message, what);
      if (!(said in state.told)) {
        state.told[said] = Date.parse(message.expires_at);
        state.unsent = [...state.unsent, said].slice(-50);
        save(state);
      }
      return flush();
    };
    const isOver = (message) => ["clicked", "dismissed"].some((what) => key(message, what) in load().told);

    const show = (message, next) => {
      const box = make("div", {className: PLACE});
      const end = (what) => {
        close();
        tell(message, what);
        next();
      };
      const gone = new AbortController();
      const onKey = (event) => event.key === "Escape" && !event.defaultPrevented && end("dismissed");
      document.addEventListener("keydown", onKey, gone);
      close = () => {
        gone.abort();
        box.remove();
      };
      box.setAttribute("role", "status");
      into.append(box);
      box.append(make("strong", {textContent: message.title}), make("p", {textContent: message.text}));
      if (/^https:\/\//i.test(message.url)) {
        box.append(make("a", {textContent: "Open", href: message.url, onclick: () => end("clicked")}));
      }
      const press = {type: "button", textContent: "\u00d7", ariaLabel: "Dismiss", onclick: () => end("dismissed")};
      box.append(make("button", press));
      tell(message, "shown");
    };

    const run = async () => {
      const state = load();
      for (const said in state.told) if (state.told[said] < Date.now()) delete state.told[said];
      save(state);
      await flush();
      const answer = await call("", "GET");
      const {messages = []} = answer?.ok ? await answer.json().catch(() => ({})) : {};
      const next = () => {
        const message = messages.shift();
        if (stopped || !message) return;
        if (isOver(message)) next();
        else show(message, next);
      };
      next();
    };
    const stop = () => {
      stopped = true;
      close();
    };
    return {done: run(), stop};
  }
  window.c360Inbox = {start};
})();
