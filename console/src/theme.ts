// Light or dark: as the user's preference `theme` says. The browser keeps it, so that no page begins in the wrong one.
import type { Schemas } from "./api";
import { kept } from "./state";

export function applyTheme(theme: Schemas["Theme"] = (kept.get("theme") as Schemas["Theme"] | null) ?? "system"): void {
  kept.set("theme", theme);
  document.documentElement.dataset["theme"] = theme;
}
