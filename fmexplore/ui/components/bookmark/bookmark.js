export default function ({ data }) {
  const days = data.place ? data.days : 0;
  document.cookie = `${data.cookie}=${data.place}; path=/; max-age=${86400 * days}; samesite=strict`;
}
