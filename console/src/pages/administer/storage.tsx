// What spaces hold, and what they may hold.
import { useState } from "preact/hooks";
import { api, type Schemas } from "../../api";
import { bytes, number } from "../../format";
import { name, t } from "../../strings";
import { Badge, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { Table } from "./table";

type Space = Schemas["SpaceReport"];

export function Storage() {
  const [limiting, setLimiting] = useState<Space | null>(null);
  const state = useLoad(async () => (await api.get("/reports/storage")).items, []);
  const label = (space: Space) => space.label ?? name("scope", space.kind);
  const limit = async (space: Space, megabytes: number | null) => {
    if (space.kind === "user") await api.put("/users/{user_id}/storage-limit", { path: { user_id: space.key! }, body: { megabytes } });
    else await api.put("/groups/{group_id}/storage-limit", { path: { group_id: space.key! }, body: { megabytes } });
    await state.reload();
  };
  return (
    <>
      <p class="hint">{t("storage.lead")}</p>
      <Table
        state={state} id={(space) => `${space.kind}:${space.key ?? ""}`} title={label} icon="folder" empty={t("storage.none")}
        columns={[
          { text: t("storage.space"), cell: (space) => <><span class="strong">{label(space)}</span><span class="hint">{t(`storage.${space.kind}`)}</span></> },
          { text: t("page.documents"), class: "number", cell: (space) => number(space.documents) },
          { text: t("storage.failed"), class: "number", cell: (space) => (space.failed_documents ? <Badge kind="bad">{number(space.failed_documents)}</Badge> : "0") },
          { text: t("storage.partly"), class: "wide-only number", cell: (space) => (space.documents_with_warnings ? <Badge kind="busy">{number(space.documents_with_warnings)}</Badge> : "0") },
          { text: t("storage.used"), class: "number", cell: (space) => bytes(space.used_bytes) },
          { text: t("storage.limit"), class: "wide-only number", cell: (space) => (space.limit_bytes === null ? t("storage.unlimited") : bytes(space.limit_bytes)) },
        ]}
        actions={(space) => space.key === null ? [] : [{ text: t("storage.set"), icon: "edit", act: () => setLimiting(space) }]}
      />
      {limiting && (
        <FormDialog
          title={label(limiting)} action={t("action.save")} onClose={() => setLimiting(null)}
          entries={[{ name: "megabytes", label: t("storage.megabytes"), kind: "number", min: 0, step: "1", hint: t("storage.megabytes.hint"), value: limiting.limit_bytes === null ? "" : Math.round(limiting.limit_bytes / 1_000_000) }]}
          onSubmit={(values) => limit(limiting, values["megabytes"] as number | null)}
        />
      )}
    </>
  );
}
