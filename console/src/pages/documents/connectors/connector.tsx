// One connector: how it is, what its runs did, and what could not be read.
import { useState } from "preact/hooks";
import { all, api, type Schemas } from "../../../api";
import { ago, bytes, moment, number } from "../../../format";
import { go, href } from "../../../router";
import { me } from "../../../session";
import { name, said, t } from "../../../strings";
import { Badge, Button, confirm, Loaded, Menu, notify, useEvery, useLoad } from "../../../ui/basics";
import { FormDialog } from "../../../ui/forms";
import { Icon } from "../../../ui/icons";
import { Table } from "../../administer/table";
import { commonEntries, Status, type Connector } from ".";
import { beginConsent } from "./consent";
import { canConsent, entriesOf, partOf } from "./types";

type Run = Schemas["SyncRun"];
const runKinds = { pending: "busy", running: "busy", completed: "good", failed: "bad", stopped: "bad", cancelled: "plain" } as const;

export function ConnectorPage({ id }: { id: string }) {
  const path = { connector_id: id };
  const [isEditing, setEditing] = useState(false);
  const state = useLoad(() => api.get("/connectors/{connector_id}", { path }), [id]);
  const runs = useLoad(async () => (await api.get("/connectors/{connector_id}/runs", { path, query: { limit: 20 } })).items, [id]);
  const isMoving = runs.data?.some((run) => run.status === "pending" || run.status === "running") ?? false;
  const reload = async () => { await Promise.all([state.reload(), runs.reload()]); };
  useEvery(isMoving ? 3000 : null, reload);
  const sync = async (allowRemovals: boolean) => {
    await api.post("/connectors/{connector_id}/sync", { path, query: { allow_removals: allowRemovals } });
    await reload();
  };
  const approve = async () => {
    if (await confirm(t("connectors.approve"), t("connectors.approve.text"), t("connectors.approve"))) await sync(true);
  };
  const change = async (body: Schemas["ConnectorChanges"]) => {
    await api.patch("/connectors/{connector_id}", { path, body });
    await reload();
  };
  const takeOver = async () => {
    if (!(await confirm(t("connectors.take.over"), t("connectors.take.over.text"), t("connectors.take.over")))) return;
    await api.post("/connectors/{connector_id}/take-over", { path });
    await reload();
  };
  const erase = async () => {
    if (!(await confirm(t("connectors.delete"), t("connectors.delete.text"), t("action.delete")))) return;
    await api.delete("/connectors/{connector_id}", { path });
    go(href("documents", "connectors"));
  };
  return (
    <Loaded state={state}>
      {(connector) => (
        <>
          <header class="page-head">
            <div>
              <a class="back" href={href("documents", "connectors")}><Icon name="left" />{t("page.connectors")}</a>
              <h2>{connector.name} <Status connector={connector} /></h2>
              <p class="hint">{name("outside", connector.type)} · {name("scope", connector.scope)}</p>
            </div>
            <div class="row">
              <Button kind="primary" icon="again" disabled={isMoving || connector.status === "disabled"} onClick={() => sync(false)}>{t("connectors.sync")}</Button>
              {canConsent(connector.type) && <Button onClick={() => beginConsent(connector.id)}>{t("connectors.consent")}</Button>}
              <Menu label={t("connectors.actions")} entries={[
                { text: t("action.edit"), icon: "edit", act: () => setEditing(true) },
                { text: t(connector.status === "disabled" ? "models.enable" : "models.disable"), act: () => change({ enabled: connector.status === "disabled" }) },
                ...(connector.owner_id === me.value?.id ? [] : [{ text: t("connectors.take.over"), act: takeOver }]),
                { text: t("action.delete"), icon: "trash", danger: true, act: erase },
              ]} />
            </div>
          </header>
          {connector.error && (
            <div class="notice" role="status">
              <p><Icon name="warning" /> {said("failures", connector.error.code, connector.error.message)}</p>
              {connector.error.code === "too_many_removals" && <Button onClick={approve}>{t("connectors.approve")}</Button>}
            </div>
          )}
          <Facts connector={connector} />
          <h2>{t("connectors.runs")}</h2>
          <Runs state={runs} />
          <Failed id={id} turn={runs.data?.[0]?.finished_at ?? ""} />
          {isEditing && <Edit connector={connector} onClose={() => setEditing(false)} onSave={change} />}
        </>
      )}
    </Loaded>
  );
}

function Facts({ connector }: { connector: Connector }) {
  return (
    <dl class="facts card">
      <div><dt>{t("page.documents")}</dt><dd>{connector.repository_id ? <a href={href("documents", "repositories", connector.repository_id)}>{number(connector.document_count)}</a> : number(connector.document_count)}</dd></div>
      <div><dt>{t("connectors.last")}</dt><dd>{ago(connector.last_sync_at)}</dd></div>
      <div><dt>{t("connectors.next")}</dt><dd>{connector.next_run_at ? moment(connector.next_run_at) : t("connectors.by.hand")}</dd></div>
      <div><dt>{t("connectors.access")}</dt><dd>{t(connector.has_credentials ? "connectors.has.access" : "connectors.no.access")}</dd></div>
    </dl>
  );
}

function Runs({ state }: { state: { data?: Run[]; error?: unknown; reload: () => Promise<void> } }) {
  return (
    <Table
      state={state} id={(run) => run.id} title={(run) => moment(run.queued_at)} icon="clock" empty={t("connectors.no.runs")}
      columns={[
        { text: t("audit.when"), cell: (run) => <><span class="strong">{moment(run.queued_at)}</span><span class="hint">{t(run.started_by === "user" ? "connectors.by.person" : "connectors.by.schedule")}</span>{run.error && <span class="field-error">{said("failures", run.error.code, run.error.message)}</span>}</> },
        { text: t("field.status"), cell: (run) => <Badge kind={runKinds[run.status]}>{name("sync", run.status)}</Badge> },
        { text: t("connectors.created"), class: "number", cell: (run) => number(run.created) },
        { text: t("connectors.updated"), class: "wide-only number", cell: (run) => number(run.updated) },
        { text: t("connectors.removed"), class: "wide-only number", cell: (run) => number(run.removed) },
        { text: t("connectors.unchanged"), class: "wide-only number", cell: (run) => number(run.unchanged) },
        { text: t("connectors.withheld"), class: "wide-only number", cell: (run) => number(run.withheld) },
        { text: t("connectors.failed"), class: "number", cell: (run) => (run.failed ? <Badge kind="bad">{number(run.failed)}</Badge> : "0") },
        { text: t("field.size"), class: "wide-only number", cell: (run) => bytes(run.bytes) },
      ]}
    />
  );
}

function Failed({ id, turn }: { id: string; turn: string }) {
  const state = useLoad(() => all((cursor) => api.get("/connectors/{connector_id}/items", { path: { connector_id: id }, query: { failed: true, limit: 100, ...(cursor && { cursor }) } }), 500), [id, turn]);
  if (!state.data?.length) return null;
  return (
    <>
      <h2>{t("connectors.unread")}</h2>
      <Table
        state={state} id={(item) => item.source_id} title={(item) => item.path} icon="warning" empty=""
        columns={[
          { text: t("field.name"), cell: (item) => <><span class="strong">{item.path}</span><span class="field-error">{item.error}</span></> },
        ]}
      />
    </>
  );
}

function Edit({ connector, onClose, onSave }: { connector: Connector; onClose: () => void; onSave: (changes: Schemas["ConnectorChanges"]) => Promise<void> }) {
  const { settings, credentials } = entriesOf(connector.type, connector.settings);
  return (
    <FormDialog
      title={connector.name} action={t("action.save")} onClose={onClose}
      entries={[
        { name: "name", label: t("field.name"), required: true, maxLength: 255, value: connector.name },
        ...settings,
        ...credentials.map((entry, index) => (index || !connector.has_credentials ? entry : { ...entry, hint: t("connectors.credentials.kept") })),
        ...commonEntries(connector),
      ]}
      onSubmit={async (values) => {
        const changed = partOf("settings", values) ?? {};
        const same = JSON.stringify(sorted(changed)) === JSON.stringify(sorted(connector.settings));
        const secrets = partOf("credentials", values);
        await onSave({
          name: String(values["name"]), refresh_minutes: values["refresh_minutes"] as number | null, most_removed_percent: Number(values["most_removed_percent"]),
          ...("allow_private_addresses" in values && { allow_private_addresses: values["allow_private_addresses"] === true }),
          ...(!same && { settings: changed }),
          ...(secrets && { credentials: secrets }),
        });
        notify(t("note.saved"));
      }}
    />
  );
}

/** Without what is empty, in one order: so that an edit that changes no setting begins no whole listing. */
function sorted(values: Record<string, unknown>): [string, unknown][] {
  return Object.entries(values).filter(([, value]) => value !== null && value !== "" && !(Array.isArray(value) && value.length === 0)).sort(([a], [b]) => a.localeCompare(b));
}
