// Administer: each part on a page of its own.
import type { ComponentType } from "preact";
import { href, route } from "../../router";
import { useCell } from "../../state";
import { t, type Key } from "../../strings";
import { Assistants } from "./assistants";
import { Audit } from "./audit";
import { Budgets } from "./budgets";
import { Comparisons } from "./comparisons";
import { Costs } from "./costs";
import { EmbeddingModels } from "./embedding-models";
import { Groups } from "./groups";
import { Health } from "./health";
import { Models } from "./models";
import { People } from "./people";
import { Prompts } from "./prompts";
import { Queue } from "./queue";
import { Settings } from "./settings";

interface Section {
  name: string;
  text: Key;
  Content: ComponentType;
}

const sections: Section[] = [
  { name: "people", text: "administer.people", Content: People },
  { name: "groups", text: "administer.groups", Content: Groups },
  { name: "settings", text: "administer.settings", Content: Settings },
  { name: "prompts", text: "administer.prompts", Content: Prompts },
  { name: "models", text: "administer.models", Content: Models },
  { name: "embedding-models", text: "administer.embedding", Content: EmbeddingModels },
  { name: "assistants", text: "administer.assistants", Content: Assistants },
  { name: "queue", text: "administer.queue", Content: Queue },
  { name: "budgets", text: "administer.budgets", Content: Budgets },
  { name: "costs", text: "administer.costs", Content: Costs },
  { name: "comparisons", text: "administer.comparisons", Content: Comparisons },
  { name: "audit", text: "administer.audit", Content: Audit },
  { name: "health", text: "administer.health", Content: Health },
];

export function Administer() {
  const { parts } = useCell(route);
  const current = sections.find((section) => section.name === parts[1]) ?? sections[0]!;
  const { Content } = current;
  return (
    <div class="administer">
      <nav class="side" aria-label={t("page.administer")}>
        {sections.map((section) => (
          <a key={section.name} href={href("administer", section.name)} aria-current={section === current ? "page" : undefined}>{t(section.text)}</a>
        ))}
      </nav>
      <div class="page" key={current.name}>
        <header class="page-head"><h1>{t(current.text)}</h1></header>
        <Content />
      </div>
    </div>
  );
}
