import { element } from "../element.js";

const INNER = { residual: ["layers", "shortcut"], dense_block: ["layers"] };

// The inner chains of a block with the names that people see.
function branches(layer) {
  if (layer.kind === "inception") return layer.paths.map((chain, index) => [`branch ${index + 1}`, chain]);
  return (INNER[layer.kind] ?? []).map((name) => [name === "layers" ? "inside" : name, layer[name]]);
}

function cost(name, text) {
  const cell = element("td", { className: "number", textContent: text });
  if (text) cell.dataset.label = name === "flops" ? "MFLOPs" : name;
  return cell;
}

// What a field takes, as in "from 1 to 1024".
function limits({ minimum, maximum, step }) {
  return `${step === 1 ? "a whole number " : ""}from ${minimum} to ${maximum}`;
}

function input(field, layer, number, changed, refuse) {
  const label = `${field.label} of layer ${number}`;
  if (field.type === "choice") {
    const select = element("select", { ariaLabel: label });
    const choices = field.choices.includes(layer[field.name]) ? field.choices : [...field.choices, layer[field.name]];
    choices.forEach((choice) => select.append(element("option", { textContent: choice, value: choice })));
    select.value = layer[field.name];
    select.onchange = () => {
      layer[field.name] = choices[select.selectedIndex];
      changed();
    };
    return select;
  }
  if (field.type === "boolean") {
    const box = element("input", { type: "checkbox", checked: layer[field.name], ariaLabel: label });
    box.onchange = () => {
      layer[field.name] = box.checked;
      changed();
    };
    return box;
  }
  const box = element("input", {
    type: "number",
    min: field.minimum,
    max: field.maximum,
    step: field.step,
    value: layer[field.name] ?? "",
    placeholder: field.optional ? "auto" : "",
    ariaLabel: label,
  });
  box.onchange = () => {
    const value = box.valueAsNumber;
    if (box.value === "" && field.optional) layer[field.name] = null;
    else if (Number.isFinite(value) && box.validity.valid) layer[field.name] = value;
    else {
      const typed = box.value === "" ? "nothing" : box.value;
      box.value = layer[field.name] ?? "";
      refuse(`${label} stays ${box.value || "auto"}, as ${typed} is not possible: choose ${limits(field)}.`);
      return;
    }
    changed();
  };
  return box;
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".layers");
  const signature = JSON.stringify(data);
  if (root.dataset.signature === signature) return;
  root.dataset.signature = signature;
  const focused = parentElement.activeElement?.getAttribute("aria-label");
  const layers = structuredClone(data.layers);
  const changed = () => setTriggerValue("layers", layers);
  const refusal = element("p", { className: "refusal", role: "alert" });
  const refuse = (text) => {
    refusal.textContent = text;
  };
  const wrong = /^Layer ([\d.]+)/.exec(data.error)?.[1];
  const body = element("tbody");

  function add(chain, prefix, depth) {
    chain.forEach((layer, index) => {
      const number = `${prefix}${index + 1}`;
      const row = data.rows[number] ?? {};
      const line = element("tr", { className: number === wrong ? "wrong" : "" });
      const place = element("td", { className: "place", textContent: number });
      place.style.paddingLeft = `${8 + 16 * depth}px`;
      const kind = element("td");
      const fields = element("td", { className: "settings" });
      const select = element("select", { ariaLabel: `Kind of layer ${number}` });
      Object.keys(data.kinds).forEach((name) =>
        select.append(element("option", { value: name, textContent: name.replaceAll("_", " ") })),
      );
      select.value = layer.kind;
      select.onchange = () => {
        chain[index] = first(select.value);
        changed();
      };
      kind.append(select);
      data.kinds[layer.kind].fields.forEach((field) => {
        const name = element("span", { textContent: field.label });
        fields.append(element("label", {}, name, input(field, layer, number, changed, refuse)));
      });
      line.append(place, kind, fields);
      ["output", "parameters", "flops"].forEach((name) => line.append(cost(name, row[name] ?? "")));
      line.append(tools(chain, index, number));
      body.append(line);
      branches(layer).forEach(([name, inner], position) => {
        const head = element("td", { colSpan: 7, textContent: name });
        head.style.paddingLeft = `${24 + 16 * depth}px`;
        if (!inner.length) {
          head.append(
            " ",
            button("+", `Add a layer to ${name} of layer ${number}`, () => inner.push(first("conv"))),
          );
        }
        body.append(element("tr", { className: "branch" }, head));
        add(inner, `${number}.${position + 1}.`, depth + 1);
      });
    });
  }

  const first = (kind) => structuredClone(data.kinds[kind].first);

  function button(text, label, act) {
    const made = element("button", { type: "button", textContent: text, title: label, ariaLabel: label });
    made.onclick = () => {
      act();
      changed();
    };
    return made;
  }

  function tools(chain, index, number) {
    const cell = element("td", { className: "number" });
    const swap = (other) => ([chain[index], chain[other]] = [chain[other], chain[index]]);
    if (index > 0) cell.append(button("↑", `Move layer ${number} up`, () => swap(index - 1)));
    if (index < chain.length - 1) cell.append(button("↓", `Move layer ${number} down`, () => swap(index + 1)));
    if (index === 0)
      cell.append(button("+↑", `Add a layer before ${number}`, () => chain.unshift(first("activation"))));
    cell.append(button("+", `Add a layer after ${number}`, () => chain.splice(index + 1, 0, first("activation"))));
    if (chain.length > 1) cell.append(button("×", `Remove layer ${number}`, () => chain.splice(index, 1)));
    return cell;
  }

  const head = element("tr");
  ["#", "layer", "settings", "output", "parameters", "MFLOPs", "change"].forEach((name, column) =>
    head.append(element("th", { textContent: name, className: column > 2 ? "number" : "" })),
  );
  add(layers, "", 0);
  root.replaceChildren(refusal, element("table", {}, element("thead", {}, head), body));
  if (focused) [...root.querySelectorAll("[aria-label]")].find((one) => one.ariaLabel === focused)?.focus();
}
