// Whether the service runs, and where documents and questions go.
import { api, open, sentence, type Schemas } from "../../api";
import { milliseconds } from "../../format";
import { name, t } from "../../strings";
import { Badge, useEvery, useLoad } from "../../ui/basics";
import { Figures } from "./queue";
import { Table } from "./table";

export function Health() {
  const state = useLoad(async () => {
    const started = performance.now();
    const root = await open<Schemas["Root"]>("GET", "/");
    const [database, queue] = await Promise.all([
      open("GET", "/ready").then(() => milliseconds(performance.now() - started), (error: unknown) => sentence(error, t("error.offline"))),
      api.get("/queue"),
    ]);
    return { root, database, queue };
  }, []);
  useEvery(15000, state.reload);
  const processors = useLoad(async () => (await api.get("/data-processors")).items, []);
  const data = state.data;
  return (
    <>
      <Figures items={[
        [t("health.version"), data ? `${data.root.name} ${data.root.version}` : "–"],
        [t("health.database"), data?.database ?? "–"],
        [t("queue.waiting"), data ? String(data.queue.waiting) : "–"],
        [t("queue.failed"), data ? String(data.queue.failed_last_hour) : "–"],
      ]} />
      <h2>{t("health.processors")}</h2>
      <p class="hint">{t("health.processors.lead")}</p>
      <Table
        state={processors} id={(item) => `${item.kind}:${item.name}`} title={(item) => item.name} icon="administer" empty={t("health.none")}
        columns={[
          { text: t("field.name"), cell: (item) => <><span class="strong">{item.name}</span><span class="hint">{item.provider}</span></> },
          { text: t("health.host"), cell: (item) => item.host ?? t("health.own") },
          { text: t("field.status"), cell: (item) => <Badge kind={item.status === "in_use" ? "good" : "plain"}>{name("processor", item.status)}</Badge> },
          { text: t("health.receives"), class: "wide-only", cell: (item) => item.receives.map((part) => name("receives", part)).join(", ") },
        ]}
      />
    </>
  );
}
