// The models that can be chosen.
import { all, api } from "../api";
import { t } from "../strings";

export async function modelChoices() {
  const models = await all((cursor) => api.get("/llms", { query: { limit: 100, ...(cursor && { cursor }) } }));
  return models
    .filter((model) => model.is_enabled)
    .map(({ name }) => ({ value: name, text: name === "extractive" ? t("model.extractive") : name }));
}
