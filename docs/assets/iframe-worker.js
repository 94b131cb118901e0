// Search runs in a Worker, and a browser starts none on a page that was opened from a disk (file://). On such a page the
// worker's script runs in a hidden frame instead. (The theme looks for a file of this name before it fetches one.)
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    #ready;

    constructor(address) {
      super();
      this.#ready = new Promise((resolve) => this.#open(new URL(address, location.href).href, resolve));
    }

    postMessage(message) {
      this.#ready.then((send) => send(message));
    }

    #open(address, resolve) {
      const frame = document.createElement("iframe");
      frame.hidden = true;
      frame.title = "search";
      frame.srcdoc = "<!doctype html>";
      frame.addEventListener("load", () => {
        const inner = frame.contentWindow;
        const send = inner.postMessage.bind(inner);
        inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
        const script = inner.document.createElement("script");
        script.src = address;
        script.addEventListener("load", () => resolve((message) => send(message, "*")));
        inner.document.body.append(script);
      }, { once: true });
      document.body.append(frame);
    }
  };
}
