// Who answers a conversation: its assistant, model and pipeline.
import { api } from "../../api";
import { Cell } from "../../state";
import { name, t } from "../../strings";
import { Dialog, Loaded, useLoad } from "../../ui/basics";
import { FormDialog } from "../../ui/forms";
import { modelChoices } from "../../ui/models";
import { change, type Thread } from "./threads";

export function ChooseAnswering({ cell, onClose }: { cell: Cell<Thread>; onClose: () => void }) {
  const { conversation } = cell.value;
  const state = useLoad(async () => {
    const [models, assistants, effective] = await Promise.all([
      modelChoices(),
      api.get("/assistants", { query: { limit: 100 } }),
      api.get("/config/effective", {}),
    ]);
    const pipelines = (effective as Record<string, { value: unknown }>)["available_pipelines"]?.value as string[] | undefined;
    return { models, assistants: assistants.items, pipelines: pipelines ?? [] };
  }, []);
  const none = { value: "", text: t("ask.as.set") };
  const settings = conversation.settings as Record<string, string | undefined>;
  if (state.data === undefined) return <Dialog title={t("ask.answering")} onClose={onClose}><Loaded state={state}>{() => null}</Loaded></Dialog>;
  return (
    <FormDialog
      title={t("ask.answering")}
      onClose={onClose}
      action={t("action.save")}
      entries={[
        { name: "assistant_id", label: t("ask.assistant"), kind: "choice", value: conversation.assistant_id ?? "", options: [{ value: "", text: t("ask.no.assistant") }, ...state.data.assistants.map((item) => ({ value: item.id, text: item.name }))] },
        { name: "active_model", label: t("field.model"), kind: "choice", value: settings["active_model"] ?? "", options: [none, ...state.data.models] },
        { name: "active_pipeline", label: t("field.pipeline"), kind: "choice", value: settings["active_pipeline"] ?? "", options: [none, ...state.data.pipelines.map((value) => ({ value, text: name("pipeline", value) }))] },
      ]}
      onSubmit={(values) => change(cell, {
        assistant_id: values["assistant_id"] as string | null,
        settings: { active_model: values["active_model"] as string | null, active_pipeline: values["active_pipeline"] as string | null },
      })}
    />
  );
}
