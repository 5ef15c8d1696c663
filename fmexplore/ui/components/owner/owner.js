// getRandomValues and not randomUUID: a classroom server without https is no secure context.
export default function ({ data, setStateValue }) {
  const known = document.cookie.split("; ").find((part) => part.startsWith(`${data.cookie}=`));
  let key = known?.split("=")[1];
  if (!/^[0-9a-f]{32}$/.test(key ?? "")) {
    key = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    document.cookie = `${data.cookie}=${key}; path=/; max-age=31536000; samesite=strict`;
  }
  setStateValue("owner", key);
}
