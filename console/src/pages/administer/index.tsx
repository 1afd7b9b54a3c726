// Administer: each part on a page of its own, in groups.
import type { ComponentType } from "preact";
import { useEffect } from "preact/hooks";
import { href, route } from "../../router";
import { useCell } from "../../state";
import { t, type Key } from "../../strings";
import { Alerts } from "./alerts";
import { Announcements } from "./announcements";
import { Assistants } from "./assistants";
import { Audit } from "./audit";
import { Backups } from "./backups";
import { Budgets } from "./budgets";
import { Comparisons } from "./comparisons";
import { EmbeddingModels } from "./embedding-models";
import { Evaluations } from "./evaluations";
import { Groups } from "./groups";
import { Health } from "./health";
import { Hosts } from "./hosts";
import { Invitations } from "./invitations";
import { Models } from "./models";
import { People } from "./people";
import { Prompts } from "./prompts";
import { Queue } from "./queue";
import { Repairs } from "./repairs";
import { Rerankers } from "./rerankers";
import { Settings } from "./settings";
import { Storage } from "./storage";
import { Usage } from "./usage";

interface Section {
  name: string;
  text: Key;
  Content: ComponentType;
}

const groups: { text: Key; sections: Section[] }[] = [
  { text: "administer.of.people", sections: [
    { name: "people", text: "administer.people", Content: People },
    { name: "invitations", text: "administer.invitations", Content: Invitations },
    { name: "groups", text: "administer.groups", Content: Groups },
    { name: "budgets", text: "administer.budgets", Content: Budgets },
    { name: "announcements", text: "administer.announcements", Content: Announcements },
  ] },
  { text: "administer.of.answers", sections: [
    { name: "settings", text: "administer.settings", Content: Settings },
    { name: "prompts", text: "administer.prompts", Content: Prompts },
    { name: "models", text: "administer.models", Content: Models },
    { name: "embedding-models", text: "administer.embedding", Content: EmbeddingModels },
    { name: "rerankers", text: "administer.rerankers", Content: Rerankers },
    { name: "assistants", text: "administer.assistants", Content: Assistants },
    { name: "comparisons", text: "administer.comparisons", Content: Comparisons },
    { name: "evaluations", text: "administer.evaluations", Content: Evaluations },
  ] },
  { text: "administer.of.use", sections: [
    { name: "usage", text: "administer.usage", Content: Usage },
    { name: "storage", text: "administer.storage", Content: Storage },
    { name: "audit", text: "administer.audit", Content: Audit },
  ] },
  { text: "administer.of.operation", sections: [
    { name: "health", text: "administer.health", Content: Health },
    { name: "queue", text: "administer.queue", Content: Queue },
    { name: "hosts", text: "administer.hosts", Content: Hosts },
    { name: "repairs", text: "administer.repairs", Content: Repairs },
    { name: "alerts", text: "administer.alerts", Content: Alerts },
    { name: "backups", text: "administer.backups", Content: Backups },
  ] },
];
const sections = groups.flatMap((group) => group.sections);

export function Administer() {
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
      <nav class="side" aria-label={t("page.administer")}>
        {groups.map((group) => (
          <div key={group.text} class="side-group" role="group" aria-label={t(group.text)}>
            <span class="side-title" aria-hidden="true">{t(group.text)}</span>
            {group.sections.map((section) => (
              <a key={section.name} href={href("administer", section.name)} aria-current={section === current ? "page" : undefined}>{t(section.text)}</a>
            ))}
          </div>
        ))}
      </nav>
      <div class="page" key={current.name}>
        <header class="page-head"><h1>{t(current.text)}</h1></header>
        <Content />
      </div>
    </div>
  );
}
