// The transition of theme.css runs when the theme has another text colour, however it was chosen.
export default function ({ parentElement, setTriggerValue }) {
  parentElement.querySelector("span").ontransitionend = () => setTriggerValue("changed", true);
}
