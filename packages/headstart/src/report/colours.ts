/** The colours of every picture. Blue, orange, green and red stay apart for colour-blind readers (after M. Okabe and K. Ito, "Color universal design", 2008). */
export const COLOURS = {
  background: "#ffffff",
  text: "#2b2b2b",
  faint: "#6e6e6e",
  rule: "#d5d5d5",
  missing: "#e6e6e6",
  blue: "#0072b2",
  lightBlue: "#7db4d6",
  paleBlue: "#bfd9ea",
  orange: "#d9730d",
  green: "#00855f",
  red: "#c8281e",
} as const;
