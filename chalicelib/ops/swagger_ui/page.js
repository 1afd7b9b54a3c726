// Swagger UI finds tags alone. Here the filter finds routes: by method, path, name and description, in every word.
const wordsOf = (operation) => {
  const described = operation.get("operation");
  const texts = ["operationId", "summary", "description"].map((name) => described.get(name) || "");
  return [operation.get("method"), operation.get("path"), ...texts].join(" ").toLowerCase();
};
const findRoutes = (taggedOperations, phrase) => {
  const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (operation) => words.every((word) => wordsOf(operation).includes(word));
  return taggedOperations
    .map((tag) => tag.set("operations", tag.get("operations").filter(fits)))
    .filter((tag) => tag.get("operations").size > 0);
};

window.page = SwaggerUIBundle({
  url: new URL("openapi.json", window.location.href).href,
  dom_id: "#page",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  filter: true,
  plugins: [{ fn: { opsFilter: findRoutes } }],
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
