// The hub's notices inside JupyterLab and Jupyter Notebook: what the operator announces, and that an idle server stops.
//
// Written for the browser as it is, without a build: a container of module federation is an object with `init` and
// `get`, and all that this needs is shared by the application.
(() => {
  "use strict";

  const NAME = "onehub-notices";
  const HIDDEN = 300;
  const LONGEST = 130; // characters that a notification shows; Jupyter cuts it off at 140
  const DISMISSED = `${NAME}:dismissed`;
  let shared = {};

  async function take(name) {
    const versions = Object.values(shared[name] || {});
    const version = versions.find((one) => one.loaded) || versions[0];
    if (!version) {
      throw new Error(`${NAME}: this application does not share ${name}`);
    }
    return (await version.get())();
  }

  function inWords(seconds) {
    const minutes = Math.round(seconds / 60);
    return minutes > 1 ? `${minutes} minutes` : minutes === 1 ? "a minute" : "less than a minute";
  }

  class Notices {
    constructor(app, services, apputils) {
      this.settings = app.serviceManager.serverSettings;
      this.services = services;
      this.apputils = apputils;
      this.warning = null;
      this.announcement = null;
      this.signedOut = null;
      this.announced = "";
      this.timer = 0;
      this.asked = 0;
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden && Date.now() - this.asked > 5000) {
          this.ask();
        }
      });
      apputils.Notification.manager.changed.connect((_, change) => this.gone(change));
    }

    request(path, init) {
      const { ServerConnection } = this.services;
      return ServerConnection.makeRequest(`${this.settings.baseUrl}onehub/${path}`, init, this.settings);
    }

    async ask() {
      clearTimeout(this.timer);
      this.asked = Date.now();
      let again = 60;
      try {
        // To be asked is not activity.
        const answer = await this.request("notices?no_track_activity=1", {});
        this.tellSignedOut(answer.status === 401 || answer.status === 403);
        if (answer.ok) {
          const told = await answer.json();
          again = told.ask_again;
          if ("announcement" in told) {
            this.announce(told.announcement);
            this.warn(told);
          }
        }
      } catch (error) {
        console.info(NAME, error.message); // the server restarts, or the network is away: the next time will tell
      }
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.ask(), (document.hidden ? Math.max(again, HIDDEN) : again) * 1000);
    }

    // In another tab, or from all tabs by whoever looks after the hub: saving would fail.
    tellSignedOut(isSignedOut) {
      if (!isSignedOut) {
        this.dismiss("signedOut");
        return;
      }
      if (this.signedOut === null) {
        const message = "You are signed out. Sign in again in a new tab, then go on here: nothing in this tab is lost.";
        const signIn = { label: "Sign in", callback: () => window.open(`${this.settings.baseUrl}lab`) };
        this.signedOut = this.apputils.Notification.error(message, { autoClose: false, actions: [signIn] });
      }
    }

    warn(told) {
      const { Notification } = this.apputils;
      if (!told.warn) {
        this.dismiss("warning");
        return;
      }
      const message = `Your server stops in ${inWords(told.stops_in)}, as nobody uses it. Files stay, kernels end.`;
      if (this.warning === null) {
        this.warning = Notification.warning(message, {
          autoClose: false,
          actions: [{ label: "Keep it running", caption: "Tell the hub that you are here", callback: () => this.keep() }],
        });
      } else {
        Notification.update({ id: this.warning, message });
      }
    }

    async keep() {
      const { Notification } = this.apputils;
      this.warning = null; // its button takes it away
      let kept = false;
      try {
        kept = (await this.request("keep", { method: "POST" })).ok;
      } catch (error) {
        console.warn(NAME, error.message);
      }
      if (kept) {
        Notification.success("Your server keeps running.", { autoClose: 5000 });
      } else {
        Notification.error("The hub could not be told. Please try again.", { autoClose: 10000 });
      }
      this.ask();
    }

    announce(announcement) {
      const { Notification } = this.apputils;
      const text = announcement ? announcement.text : "";
      if (text === this.announced) {
        return;
      }
      this.dismiss("announcement");
      this.announced = text;
      if (!text || localStorage.getItem(DISMISSED) === text) {
        return;
      }
      const whole = text.length <= LONGEST;
      const read = { label: "Read all", caption: "Show the whole announcement", callback: () => this.showAll(text) };
      const shown = whole ? text : `${text.slice(0, LONGEST)}…`;
      this.announcement = Notification.emit(shown, announcement.level === "warning" ? "warning" : "info", {
        autoClose: false,
        actions: whole ? [] : [read],
      });
    }

    showAll(text) {
      const { Dialog, showDialog } = this.apputils;
      return showDialog({ title: "Announcement", body: text, buttons: [Dialog.okButton()] });
    }

    dismiss(kind) {
      const id = this[kind];
      this[kind] = null;
      if (id !== null) {
        this.apputils.Notification.dismiss(id);
      }
    }

    // Whoever has put an announcement away does not want to see it in each new tab.
    gone(change) {
      if (change.type !== "removed") {
        return;
      }
      if (change.notification.id === this.signedOut) {
        this.signedOut = null;
      }
      if (change.notification.id === this.announcement) {
        this.announcement = null;
        localStorage.setItem(DISMISSED, this.announced);
      }
    }
  }

  const plugin = {
    id: `${NAME}:plugin`,
    description: "Shows the hub's announcement, and warns before the server is stopped.",
    autoStart: true,
    activate: (app) => {
      Promise.all([take("@jupyterlab/services"), take("@jupyterlab/apputils"), app.restored])
        .then(([services, apputils]) => new Notices(app, services, apputils).ask())
        .catch((error) => console.warn(error));
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB[NAME] = {
    init: (scope) => {
      shared = scope;
    },
    get: async () => () => ({ __esModule: true, default: plugin }),
  };
})();
