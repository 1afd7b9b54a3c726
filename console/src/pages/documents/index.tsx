// Documents: the list, what is on its way, and one document.
import { useCell } from "../../state";
import { route, href } from "../../router";
import { t } from "../../strings";
import { Connectors } from "./connectors";
import { DocumentPage } from "./document";
import { DocumentList } from "./list";
import { Repositories } from "./repositories";
import { Tags } from "./tags";

const tabs = [
  { name: "", text: "page.documents" },
  { name: "repositories", text: "page.repositories" },
  { name: "tags", text: "page.tags" },
  { name: "connectors", text: "page.connectors" },
] as const;

export function Documents() {
  const { parts } = useCell(route);
  const [, part = "", id] = parts;
  if (part && !tabs.some((tab) => tab.name === part)) return <DocumentPage key={part} id={part} />;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t("page.documents")}</h1>
        <nav class="tabs" aria-label={t("page.documents")}>
          {tabs.map((tab) => (
            <a key={tab.name} href={href("documents", ...(tab.name ? [tab.name] : []))} aria-current={tab.name === part ? "page" : undefined}>{t(tab.text)}</a>
          ))}
        </nav>
      </header>
      {part === "" && <DocumentList />}
      {part === "repositories" && <Repositories id={id} />}
      {part === "tags" && <Tags />}
      {part === "connectors" && <Connectors id={id} />}
    </div>
  );
}
