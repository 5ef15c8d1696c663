import { copy } from "../clipboard.js";

export default function ({ data, parentElement }) {
  const [button, output] = parentElement.querySelectorAll("button, output");
  button.textContent = data.label;
  button.onclick = () => copy(data.text, output, "The text");
}
