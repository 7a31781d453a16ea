/*! Sliproad checkout on your page, see docs/checkout.md. <script src="https://pay.example.com/sliproad.js"></script> */
(() => {
  "use strict";
  if (window.Sliproad?.open) return;

  const src = document.currentScript?.src;
  if (!src) throw Error("Sliproad: include sliproad.js from your server by <script src>, not as a module");
  const HOME = new URL(src).origin;
  const PATIENCE_MS = 8000; // a refused frame "loads" too, and stays silent
  const LABELS = {
    ar: "الدفع|إغلاق",
    de: "Bezahlung|Schließen",
    en: "Checkout|Close",
    es: "Pago|Cerrar",
    fr: "Paiement|Fermer",
    id: "Pembayaran|Tutup",
    it: "Pagamento|Chiudi",
    ja: "お支払い|閉じる",
    ko: "결제|닫기",
    nl: "Betaling|Sluiten",
    pl: "Płatność|Zamknij",
    pt: "Pagamento|Fechar",
    ru: "Оплата|Закрыть",
    tr: "Ödeme|Kapat",
    zh: "支付|关闭",
  };
  let closeModal;

  // Tells only the type of what was given, which may be the secret.
  const want = (ok, name, wanted, value) => {
    if (!ok) throw TypeError(`Sliproad: ${name} must be ${wanted}; given: ${value === null ? value : typeof value}`);
  };

  const checked = (options) => {
    const { checkoutUrl, language, onEvent } = options || {};
    let url = {};
    try {
      url = new URL(checkoutUrl);
    } catch {}
    const sessionId = url.pathname?.match(/\/checkout\/([^/]+)/)?.[1];
    want(sessionId && url.hash, "checkoutUrl", "a session's, with all from the # on", checkoutUrl);
    if (url.origin != HOME) throw Error(`Sliproad: checkoutUrl is of ${url.origin}, but sliproad.js of ${HOME}`);
    if (language !== undefined) {
      want(/^[a-z]{2,3}(-\w+)*$/i.test(language), "language", 'one such as "de" or "pt-BR"', language);
      url.searchParams.set("lang", language);
    }
    want(!onEvent || typeof onEvent == "function", "onEvent", "a function", onEvent);
    return { url: url.href, sessionId, language, onEvent };
  };

  // By the CSSOM, which a strict style-src allows; all:revert keeps the page's rules out.
  const element = (tag, style, properties) => {
    const el = Object.assign(document.createElement(tag), properties);
    el.style.cssText = "all:revert;box-sizing:border-box;border:0;flex:none;" + style;
    return el;
  };

  const lockScroll = () => {
    const { style, clientWidth } = document.documentElement;
    const { overflow, paddingRight } = style;
    const gap = innerWidth - clientWidth; // the scroll bar's: nothing may jump
    if (gap) style.paddingRight = gap + "px";
    style.overflow = "hidden";
    return () => Object.assign(style, { overflow, paddingRight });
  };

  /**
   * Goes to the checkout in this window.
   * @param {{checkoutUrl: string, language?: string}} options
   */
  const redirectToCheckout = (options) => location.assign(checked(options).url);

  /**
   * Opens the checkout on this page, whose origin the project must allow: in the container, or a modal dialog.
   * @param {{checkoutUrl: string, language?: string, container?: Element|string,
   *   onEvent?: (event: {type: string, sessionId: string, orderId?: string, status?: string}) => void}} options
   * @returns {{close: () => void}}
   */
  const open = (options) => {
    const { url, sessionId, language, onEvent } = checked(options);
    const given = options.container;
    const container = typeof given == "string" ? document.querySelector(given) : given;
    want(given === undefined || container instanceof Element, "container", "an element, or a selector that finds one", given);

    const codes = [language].concat(navigator.languages).map((tag) => tag?.split("-")[0].toLowerCase());
    const lang = codes.find((code) => LABELS[code]) || "en";
    const [name, closeLabel] = LABELS[lang].split("|");
    const frame = element("iframe", "display:block;width:100%;" + (container ? "height:600px" : "flex:1"), {
      title: name,
      referrerPolicy: "no-referrer",
      allow: "clipboard-write",
      src: url,
    });
    const link = element("a", "display:none;padding:1rem;text-align:center;font:1rem sans-serif", { href: url, textContent: name });
    let timer, dialog, unlock, closed;

    const tell = (type, more) => {
      try {
        onEvent?.({ type, sessionId, ...more });
      } catch (e) {
        reportError(e);
      }
    };
    const silent = () => {
      link.style.display = "block";
      console.error(
        `Sliproad: the checkout does not answer; a link is shown. Allow it: sliproad project update ID ` +
          `--allowed-origin ${location.origin}, and in a CSP of this page: frame-src ${HOME}.`,
      );
      tell("blocked");
    };
    const hear = ({ source, origin, data }) => {
      if (!source || source != frame.contentWindow || origin != HOME || data?.sliproad !== 1) return;
      const { type, height } = data;
      if (type == "ready") {
        clearTimeout(timer);
        link.style.display = "none";
      }
      if (type == "close") close();
      else if (type == "resize") {
        if (container && height > 0) frame.style.height = Math.min(Math.max(height, 200), 4000) + "px";
      } else if (type) {
        const more = {};
        for (const key of ["orderId", "status"]) if (typeof data[key] == "string") more[key] = data[key];
        tell(type, more);
      }
    };
    const close = () => {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      removeEventListener("message", hear);
      if (dialog) {
        closeModal = null;
        unlock();
        dialog.close(); // gives the focus back
        dialog.remove();
      }
      frame.remove();
      link.remove();
      tell("close");
    };

    frame.addEventListener("load", () => {
      frame.contentWindow.postMessage({ sliproad: 1, type: "hello", modal: !container }, HOME);
      timer ??= setTimeout(silent, PATIENCE_MS);
    });
    addEventListener("message", hear);
    if (container) container.append(frame, link);
    else {
      closeModal?.();
      closeModal = close;
      dialog = element(
        "dialog",
        "display:flex;flex-direction:column;width:min(100vw,30rem);height:min(100dvh,max(46rem,(30rem - 100vw)*99));max-width:none;max-height:none;margin:auto;padding:0;overflow:hidden;" +
          "border-radius:clamp(0px,(100vw - 30rem)*99,12px);box-shadow:0 0 0 200vmax #0009;color-scheme:light dark;background:Canvas;color:CanvasText",
        { lang, ariaLabel: name },
      );
      const button = element("button", "align-self:flex-end;width:44px;height:44px;background:none;color:inherit;font:24px sans-serif;outline-offset:-4px", {
        ariaLabel: closeLabel,
        textContent: "×",
        onclick: close,
      });
      dialog.append(button, frame, link);
      dialog.addEventListener("close", close);
      document.documentElement.append(dialog);
      unlock = lockScroll();
      dialog.showModal();
    }
    return { close };
  };

  window.Sliproad = Object.freeze({ redirectToCheckout, open });
})();
