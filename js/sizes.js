/** Numbers of bytes and seconds as people read them. */

const UNITS = ["kB", "MB", "GB", "TB"];

/**
 * A size in powers of 1000, as catalogues and disks have it: the same text as in the kernel's tables.
 *
 * @param {number} bytes
 */
export function sizeText(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let size = bytes / 1000;
  let unit = 0;
  while (size >= 999.95 && unit < UNITS.length - 1) {
    size /= 1000;
    unit += 1;
  }
  return `${size.toFixed(1)} ${UNITS[unit]}`;
}

/** @param {number} seconds */
export function durationText(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 6) / 10} h`;
}

/** @param {number} count */
export const countText = (count) => count.toLocaleString("en");
