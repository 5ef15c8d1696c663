async function write(text) {
  try {
    await navigator.clipboard.writeText(text); // there is none in a classroom without https
    return true;
  } catch {
    return false;
  }
}

// Copies a text and says so in `output`; where the browser refuses, the text stands there, marked, to be copied by hand.
export async function copy(text, output, label) {
  output.textContent = "Copied";
  if (!(await write(text))) {
    const field = Object.assign(document.createElement(text.includes("\n") ? "textarea" : "input"), {
      value: text,
      readOnly: true,
      ariaLabel: label,
    });
    output.replaceChildren(field);
    field.select();
    if (document.execCommand("copy")) output.textContent = "Copied";
  }
  if (output.textContent) setTimeout(() => (output.textContent = ""), 4000);
}
