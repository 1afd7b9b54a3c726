// Preferences: how the console looks, and how one's questions are answered.
import { api, type Schemas } from "../../api";
import { useCell } from "../../state";
import { language, speak, t, type Language } from "../../strings";
import { applyTheme } from "../../theme";
import { complain, Loaded, notify, useLoad } from "../../ui/basics";
import { Choice, Form, Toggle } from "../../ui/forms";
import { modelChoices } from "../../ui/models";

export function Preferences() {
  const spoken = useCell(language);
  const state = useLoad(async () => {
    const [preferences, models] = await Promise.all([api.get("/me/preferences"), modelChoices()]);
    return { preferences, models };
  }, []);
  const set = async (changes: Schemas["PreferenceChanges"]) => {
    const preferences = await api.patch("/me/preferences", { body: changes });
    applyTheme(preferences.theme ?? "system");
    state.change((data) => ({ ...data, preferences }));
    notify(t("note.saved"));
  };
  return (
    <Loaded state={state}>
      {({ preferences, models }) => (
        <>
          <section class="card">
            <h2>{t("preferences.look")}</h2>
            <div class="row">
              <label class="field">{t("preferences.theme")}<Choice label={t("preferences.theme")} value={preferences.theme ?? "system"} options={(["system", "light", "dark"] as const).map((value) => ({ value, text: t(`theme.${value}`) }))} onChange={(theme) => { applyTheme(theme); set({ theme }).catch(complain); }} /></label>
              <label class="field">{t("preferences.language")}<Choice<Language> label={t("preferences.language")} value={spoken} options={[{ value: "en", text: "English" }, { value: "de", text: "Deutsch" }]} onChange={speak} /></label>
            </div>
          </section>
          <section class="card">
            <h2>{t("preferences.memory")}</h2>
            <Toggle label={t("preferences.use")} value={preferences.use_memories ?? false} onChange={(use_memories) => set({ use_memories }).catch(complain)} />
            <Toggle label={t("preferences.learn")} value={preferences.learn_from_conversations ?? false} onChange={(learn_from_conversations) => set({ learn_from_conversations }).catch(complain)} />
            <Toggle label={t("preferences.titles")} value={preferences.title_by_model ?? false} onChange={(title_by_model) => set({ title_by_model }).catch(complain)} />
          </section>
          <section class="card">
            <h2>{t("preferences.notify")}</h2>
            <Toggle label={t("preferences.mail")} hint={t("preferences.mail.hint")} value={preferences.notify_by_email ?? false} onChange={(notify_by_email) => set({ notify_by_email }).catch(complain)} />
          </section>
          <section class="card">
            <h2>{t("preferences.answers")}</h2>
            <Form
              action={t("action.save")}
              entries={[
                { name: "preferred_model", label: t("field.model"), kind: "choice", value: preferences.preferred_model ?? "", options: [{ value: "", text: t("ask.as.set") }, ...models] },
                { name: "preferred_temperature", label: t("ab.temperature"), kind: "number", unset: true, min: 0, max: 2, value: preferences.preferred_temperature ?? "" },
                { name: "preferred_max_tokens", label: t("models.longest"), kind: "number", unset: true, min: 1, max: 100000, step: "1", value: preferences.preferred_max_tokens ?? "" },
                { name: "preferred_num_documents", label: t("ab.chunks"), kind: "number", min: 1, max: 100, step: "1", value: preferences.preferred_num_documents ?? "" },
              ]}
              onSubmit={(values) => set(values as Schemas["PreferenceChanges"])}
            />
          </section>
        </>
      )}
    </Loaded>
  );
}
