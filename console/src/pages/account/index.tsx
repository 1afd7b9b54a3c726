// The caller's own account.
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { href, route } from "../../router";
import { useCell } from "../../state";
import { t, type Key } from "../../strings";
import { Costs } from "./costs";
import { Keys } from "./keys";
import { Memories } from "./memories";
import { Preferences } from "./preferences";
import { Profile } from "./profile";
import { Security } from "./security";
import { Sessions } from "./sessions";
import { Webhooks } from "./webhooks";

const sections: { name: string; text: Key; Content: ComponentType }[] = [
  { name: "profile", text: "account.profile", Content: Profile },
  { name: "security", text: "account.security", Content: Security },
  { name: "preferences", text: "account.preferences", Content: Preferences },
  { name: "memory", text: "account.memory", Content: Memories },
  { name: "keys", text: "account.keys", Content: Keys },
  { name: "webhooks", text: "account.webhooks", Content: Webhooks },
  { name: "costs", text: "account.costs", Content: Costs },
  { name: "sessions", text: "account.sessions", Content: Sessions },
];

export function Account() {
  const { parts } = useCell(route);
  const current = sections.find((section) => section.name === parts[1]) ?? sections[0]!;
  const { Content } = current;
  useEffect(() => {
    document.getElementById("main")?.scrollTo(0, 0);
    // On a phone the sections are one line, which scrolls: the present one is in sight.
    document.querySelector("nav.side [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }, [current]);
  return (
    <div class="administer">
      <nav class="side" aria-label={t("page.account")}>
        {sections.map((section) => <a key={section.name} href={href("account", section.name)} aria-current={section === current ? "page" : undefined}>{t(section.text)}</a>)}
      </nav>
      <div class="page" key={current.name}>
        <header class="page-head"><h1>{t(current.text)}</h1></header>
        <Content />
      </div>
    </div>
  );
}
