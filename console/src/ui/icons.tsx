// Icons, drawn on 24 × 24: lines in the colour of the text beside them.
const paths = {
  ask: "M4 5h16v11H9l-5 4z",
  documents: "M6 3h8l4 4v14H6z M14 3v4h4 M9 12h6 M9 16h6",
  search: "M11 4a7 7 0 1 1 0 14a7 7 0 0 1 0-14 M16 16l4 4",
  administer: "M4 7h10 M18 7h2 M14 4.5v5 M4 17h2 M10 17h10 M6 14.5v5",
  account: "M12 4a4 4 0 1 1 0 8a4 4 0 0 1 0-8 M4.5 20c1-4 4-5.5 7.5-5.5s6.500 1.500 7.500 5.500",
  plus: "M12 5v14 M5 12h14",
  minus: "M5 12h14",
  close: "M6 6l12 12 M18 6L6 18",
  menu: "M5 7h14 M5 12h14 M5 17h14",
  more: "M6 12h.01 M12 12h.01 M18 12h.01",
  send: "M12 19V6 M6 11l6-6l6 6",
  stop: "M7 7h10v10H7z",
  again: "M19 12a7 7 0 1 1-2.500-5.400 M19 4v4h-4",
  edit: "M5 19l1-4L16 5l3 3L9 18z",
  copy: "M9 9h10v11H9z M15 9V4H5v11h4",
  like: "M8 20V10l4-7c2 0 2.500 1.500 2 3l-.7 3H19c1 0 1.700 1 1.400 2l-2 7c-.2.6-.8 1-1.400 1z M8 10H4v10h4",
  dislike: "M16 4v10l-4 7c-2 0-2.500-1.500-2-3l.7-3H5c-1 0-1.700-1-1.400-2l2-7c.2-.6.8-1 1.400-1z M16 14h4V4h-4",
  flag: "M6 21V4h11l-2 4l2 4H6",
  left: "M14 6l-6 6l6 6",
  right: "M10 6l6 6l-6 6",
  down: "M6 10l6 6l6-6",
  scope: "M4 5h16l-6 8v6l-4-2v-4z",
  clock: "M12 4a8 8 0 1 1 0 16a8 8 0 0 1 0-16 M12 8v4.500l3 2",
  folder: "M3 6h6l2 2h10v11H3z",
  upload: "M12 16V5 M7 9l5-5l5 5 M4 19h16",
  download: "M12 4v11 M7 11l5 5l5-5 M4 20h16",
  tag: "M4 4h8l8 8l-8 8l-8-8z M8.500 8.500h.01",
  check: "M5 12l5 5l9-10",
  warning: "M12 4l9 16H3z M12 10v4 M12 17h.01",
  trash: "M5 7h14 M9 7V4h6v3 M7 7l1 13h8l1-13",
  archive: "M4 5h16v4H4z M5 9v10h14V9 M10 13h4",
  split: "M4 5h7v14H4z M13 5h7v14h-7z",
  text: "M5 6h14 M5 10h14 M5 14h9 M5 18h6",
  out: "M10 5H5v14h5 M14 8l4 4l-4 4 M18 12H9",
  external: "M10 5H5v14h14v-5 M14 5h5v5 M19 5l-9 9",
} as const;

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Logo() {
  return (
    <svg viewBox="0 0 32 32" width="32" height="32">
      <rect width="32" height="32" rx="8" class="logo-ground" />
      <path d="M8 26V15a8 8 0 0 1 16 0v11h-4.500V15a3.500 3.500 0 0 0-7 0v11z" fill="#fff" />
    </svg>
  );
}
