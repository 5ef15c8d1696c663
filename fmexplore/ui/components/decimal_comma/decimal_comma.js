// Texts of a chart are changed as soon as they are in the page, which is before they are painted.
const SIGNS = { ".": ",", ",": "\u202f" };

function rewrite(node, mark) {
  const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
  for (let text = node.nodeType === Node.TEXT_NODE ? node : texts.nextNode(); text; text = texts.nextNode()) {
    const parts = text.data.split(mark);
    if (parts.length < 3) continue;
    text.data = parts.map((part, at) => (at % 2 ? part.replace(/[.,]/g, (sign) => SIGNS[sign]) : part)).join("");
  }
}

export default function ({ data, parentElement }) {
  const span = parentElement.querySelector("span");
  if (!span.observer) {
    span.observer = new MutationObserver((changes) => {
      for (const { target, addedNodes } of changes) {
        if (target.nodeType === Node.TEXT_NODE) rewrite(target, data.mark);
        for (const node of addedNodes) rewrite(node, data.mark);
      }
    });
    span.observer.observe(document.body, { subtree: true, childList: true, characterData: true });
    rewrite(document.body, data.mark);
  }
  return () => setTimeout(() => span.isConnected || span.observer.disconnect());
}
