/** Instants and durations as people read them. */

/**
 * Minutes and seconds, such as 9:41; nothing below 0:00.
 *
 * @param {number} seconds
 */
export function minutesAndSeconds(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${(whole / 60) | 0}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * The time of day in the browser's zone and manner, with the day where it is not today's.
 *
 * @param {number} instant POSIX seconds.
 * @param {number} now POSIX seconds.
 */
export function timeOfDay(instant, now) {
  const date = new Date(instant * 1000);
  const isToday = date.toDateString() === new Date(now * 1000).toDateString();
  return date.toLocaleString(undefined, { dateStyle: isToday ? undefined : "medium", timeStyle: "short" });
}
