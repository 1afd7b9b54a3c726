// Connectors: sources outside whose documents are kept as they are there.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../../api";
import { ago, number } from "../../../format";
import { go, href } from "../../../router";
import { me } from "../../../session";
import { name, t } from "../../../strings";
import { Badge, Button, Dialog, useEvery, useLoad } from "../../../ui/basics";
import { Form, type Entry } from "../../../ui/forms";
import { Table } from "../../administer/table";
import { ConnectorPage } from "./connector";
import { entriesOf, partOf, typeNames, type ConnectorType } from "./types";

export type Connector = Schemas["Connector"];

export function Connectors({ id }: { id: string | undefined }) {
  return id ? <ConnectorPage key={id} id={id} /> : <List />;
}

export function Status({ connector }: { connector: Connector }) {
  const kind = ({ pending: "busy", syncing: "busy", active: "good", error: "bad", disabled: "plain" } as const)[connector.status];
  return <Badge kind={kind}>{name("connector", connector.status)}</Badge>;
}

function List() {
  const [isAdding, setAdding] = useState(false);
  const state = useLoad(() => all((cursor) => api.get("/connectors", { query: { limit: 100, ...(cursor && { cursor }) } })), []);
  useEvery(state.data?.some((connector) => connector.status === "syncing" || connector.status === "pending") ? 4000 : null, state.reload);
  return (
    <>
      <p class="hint">{t("connectors.lead")}</p>
      <div class="row"><Button kind="primary" icon="plus" onClick={() => setAdding(true)}>{t("connectors.new")}</Button></div>
      <Table
        state={state} id={(connector) => connector.id} title={(connector) => connector.name} icon="external" empty={t("connectors.none")}
        columns={[
          { text: t("field.name"), cell: (connector) => <><a href={href("documents", "connectors", connector.id)}>{connector.name}</a><span class="hint">{name("outside", connector.type)}</span>{connector.error && <span class="field-error">{connector.error.message}</span>}</> },
          { text: t("field.status"), cell: (connector) => <Status connector={connector} /> },
          { text: t("page.documents"), class: "number", cell: (connector) => number(connector.document_count) },
          { text: t("connectors.last"), class: "wide-only", cell: (connector) => ago(connector.last_sync_at) },
        ]}
      />
      {isAdding && <NewConnector onClose={() => setAdding(false)} />}
    </>
  );
}

/** What every type has besides its own settings. */
export function commonEntries(connector?: Connector): Entry[] {
  return [
    { name: "refresh_minutes", label: t("connectors.every"), kind: "number", min: 1, step: "1", hint: t("connectors.every.hint"), value: connector ? (connector.refresh_minutes ?? "") : 1440 },
    { name: "most_removed_percent", label: t("connectors.guard"), kind: "number", folded: true, min: 0, max: 100, step: "1", hint: t("connectors.guard.hint"), value: connector?.most_removed_percent ?? 20, required: true },
    ...(me.value?.is_admin ? [{ name: "allow_private_addresses", label: t("connectors.private"), kind: "toggle" as const, folded: true, hint: t("connectors.private.hint"), value: connector?.allow_private_addresses ?? false }] : []),
  ];
}

function NewConnector({ onClose }: { onClose: () => void }) {
  const [type, setType] = useState<ConnectorType | null>(null);
  const spaces = useLoad(async () => (await api.get("/me/storage")).items, []);
  const { settings, credentials } = type ? entriesOf(type) : { settings: [], credentials: [] };
  return (
    <Dialog wide title={t("connectors.new")} onClose={onClose}>
      {!type && (
        <div class="starters" role="group" aria-label={t("connectors.type")}>
          {typeNames.map((value) => <Button key={value} onClick={() => setType(value)}>{name("outside", value)}</Button>)}
        </div>
      )}
      {type && spaces.data && (
        <Form
          key={type}
          action={t("action.create")}
          entries={[
            { name: "name", label: t("field.name"), required: true, maxLength: 255, value: name("outside", type) },
            ...settings,
            ...credentials.map((entry, index) => (index ? entry : { ...entry, hint: entry.hint ?? t("connectors.credentials") })),
            { name: "space", label: t("field.scope"), kind: "choice", options: spaces.data.map((item) => ({ value: item.group_id ?? item.scope, text: item.group_name ?? name("scope", item.scope) })) },
            ...commonEntries(),
          ]}
          onSubmit={async (values) => {
            const space = spaces.data?.find((item) => (item.group_id ?? item.scope) === values["space"]);
            const made = await api.post("/connectors", {
              body: {
                name: String(values["name"]), type, scope: space?.scope ?? "user", group_id: space?.group_id ?? null,
                settings: partOf("settings", values) ?? {}, credentials: partOf("credentials", values),
                refresh_minutes: values["refresh_minutes"] as number | null, most_removed_percent: Number(values["most_removed_percent"]),
                allow_private_addresses: values["allow_private_addresses"] === true,
              },
              once: true,
            });
            go(href("documents", "connectors", made.id));
          }}
          extra={<Button onClick={() => setType(null)}>{t("connectors.other")}</Button>}
        />
      )}
    </Dialog>
  );
}
