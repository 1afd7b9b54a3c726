// One walk through the console: `node walks.mjs NAME`, with BASE, EMAIL, PASSWORD (an administrator) in the environment.
import { readFileSync } from "node:fs";
import process from "node:process";
import { accessible, ask, BASE, choose, DESKTOP, expect, file, PHONE, register, shot, signIn, withPage } from "./browser.mjs";
import { walks as conversations } from "./conversations.mjs";
import { walks as people } from "./people.mjs";
import { walks as sources } from "./sources.mjs";
import { walks as steering } from "./steering.mjs";

const PUMP = file("pump.md", "# Care\n\nThe coolant pump P-17 is inspected every ninety days. The seal is replaced once a year.\n");
const OFFICE = file("office.md", "# Holidays\n\nThe office is closed from 24 December to 2 January.\n");
const QUESTION = "How often is the coolant pump P-17 inspected?";

async function upload(page, files, count) {
  await page.getByRole("link", { name: "Documents" }).first().click();
  await choose(page, files);
  await page.getByText(`${count} of ${files.length} searchable`).waitFor({ timeout: 120_000 });
}

async function answered(page, question) {
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await ask(page, question);
  await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
}

/** Sign in, add documents, ask, open a citation, answer again, edit, walk the branches. */
async function mainPath(page, name) {
  await register(page, `person-${name}`);
  await page.getByText("Add your first documents").waitFor();
  await accessible(page, "the first page");
  await shot(page, `${name}-1-welcome`);
  await page.getByRole("link", { name: "Documents" }).first().click();
  await choose(page, [PUMP, OFFICE, file("broken.pdf", "%PDF-1.4 nothing", "application/pdf")]);
  await page.getByText("2 of 3 searchable").waitFor({ timeout: 120_000 });
  await page.getByText("1 failed").waitFor();
  await page.getByText("cannot be opened as a PDF").first().waitFor();
  expect((await page.locator(".tray li").first().textContent()).includes("broken.pdf"), "what failed stands first");
  await accessible(page, "documents");
  await shot(page, `${name}-2-documents`);
  await answered(page, QUESTION);
  await accessible(page, "an answer");
  await shot(page, `${name}-3-answer`);
  const chip = page.locator(".answer button.cite").first();
  await chip.click();
  const mark = page.locator(".source-text mark");
  await mark.waitFor();
  expect((await mark.textContent()).includes("every ninety days"), "the quote is marked");
  await accessible(page, "a source");
  await shot(page, `${name}-4-source`);
  await page.keyboard.press("Escape");
  await mark.waitFor({ state: "detached" });
  expect(await chip.evaluate((element) => element === document.activeElement), "the focus returns to the citation");
  await page.getByRole("button", { name: "Answer again" }).click();
  await page.getByText("2 / 2").waitFor({ timeout: 120_000 });
  await page.getByRole("button", { name: "Version before" }).click();
  await page.getByText("1 / 2").waitFor();
  await page.getByRole("button", { name: "Edit the question" }).click();
  await page.getByRole("textbox", { name: "Edit the question" }).fill("When is the office closed?");
  await page.getByRole("button", { name: "Send", exact: true }).first().click();
  await page.getByText("24 December").first().waitFor({ timeout: 120_000 });
  await page.locator(".question").getByText("2 / 2").waitFor();
  await shot(page, `${name}-5-branches`);
  await page.locator(".question").getByRole("button", { name: "Version before" }).click();
  await page.getByText("every ninety days").first().waitFor();
  await page.getByRole("button", { name: "Good answer" }).click();
  await page.getByText("Thank you for the feedback.").waitFor();
  await page.getByRole("button", { name: "Time and cost" }).click();
  await page.getByRole("heading", { name: "Stages" }).waitFor();
  await accessible(page, "time and cost");
  await shot(page, `${name}-6-details`);
}

const walks = {
  desktop: () => withPage(DESKTOP, (page) => mainPath(page, "desktop")),
  phone: () => withPage(PHONE, (page) => mainPath(page, "phone")),

  /** A folder into a repository; many documents at once; undo. */
  library: () => withPage(DESKTOP, async (page) => {
    await register(page, "librarian");
    await page.getByRole("link", { name: "Documents" }).first().click();
    await page.getByRole("link", { name: "Repositories" }).click();
    await page.getByRole("button", { name: "New repository" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill("Manuals");
    await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
    await page.getByRole("heading", { name: "Manuals" }).waitFor();
    await page.getByRole("navigation", { name: "Documents" }).getByRole("link", { name: "Documents" }).click();
    await page.getByRole("region", { name: "Add documents" }).getByLabel("Repository").selectOption({ label: "Manuals" });
    // A folder as the browser hands it over when it is dropped.
    await page.evaluate((texts) => {
      const entryOf = (path, text) => ({ isFile: true, fullPath: path, file: (done) => done(new File([text], path.split("/").pop(), { type: "text/markdown" })) });
      const entries = Object.entries(texts).map(([path, text]) => entryOf(path, text));
      let isRead = false;
      const folder = { isFile: false, fullPath: "/manuals", createReader: () => ({ readEntries: (done) => { done(isRead ? [] : entries); isRead = true; } }) };
      const event = new Event("drop", { bubbles: true, cancelable: true });
      event.dataTransfer = { types: ["Files"], items: [{ webkitGetAsEntry: () => folder }] };
      window.dispatchEvent(event);
    }, { "/manuals/pumps/p17.md": "The pump P-17 is blue.", "/manuals/valves/v2.md": "The valve V-2 is red." });
    await page.getByText("2 of 2 searchable").waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "Repositories" }).click();
    await page.getByRole("link", { name: "Manuals" }).click();
    await page.getByRole("button", { name: "manuals" }).click();
    await page.getByRole("button", { name: "pumps" }).click();
    await page.getByRole("link", { name: "p17.md" }).waitFor();
    await accessible(page, "a repository");
    await shot(page, "library-1-repository");
    await page.getByRole("link", { name: "p17.md" }).click();
    await page.getByText("The pump P-17 is blue.").waitFor();
    await page.getByRole("button", { name: "Chunks" }).click();
    await page.getByText("#0").waitFor();
    await accessible(page, "a document");
    await shot(page, "library-2-document");
    await page.getByRole("link", { name: "Documents" }).first().click();
    await page.getByLabel("Choose all").check();
    await page.getByText("2 chosen").waitFor();
    await accessible(page, "chosen documents");
    await page.getByRole("toolbar").getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("No documents yet").waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await page.getByRole("cell", { name: "v2.md", exact: true }).waitFor();
    await page.getByRole("link", { name: "Search" }).click();
    await page.getByLabel("What are you looking for?").fill("valve colour");
    await page.keyboard.press("Enter");
    await page.getByText("Why place 1?").click();
    await page.getByRole("columnheader", { name: "Contributes" }).first().waitFor();
    await accessible(page, "search");
    await shot(page, "library-3-search");
  }),

  /** A slow model's answer is stopped, and what was written stays. */
  stop: () => withPage(DESKTOP, async (page) => {
    await register(page, "hasty");
    await upload(page, [PUMP], 1);
    await slowModel(page);
    await page.getByText("word5").waitFor({ timeout: 120_000 });
    await shot(page, "stop-1-writing");
    await accessible(page, "an answer that is being written");
    await page.getByRole("button", { name: "Stop the answer" }).click();
    await page.locator(".answer:not(.live)").waitFor({ timeout: 60_000 });
    const text = await page.locator(".answer .prose").textContent();
    expect(text.includes("word5") && !text.includes("word99"), `the part so far stays: ${text}`);
    await shot(page, "stop-2-stopped");
  }),

  /** Thirty seconds without a network in the middle of an answer: nothing is lost, nothing doubled. */
  cut: () => withPage(DESKTOP, async (page, context) => {
    await register(page, "traveller");
    await upload(page, [PUMP], 1);
    await slowModel(page);
    await page.getByText("word5").waitFor({ timeout: 120_000 });
    await context.setOffline(true);
    await page.getByText("The connection is interrupted.").waitFor({ timeout: 40_000 });
    await shot(page, "cut-1-offline");
    await page.waitForTimeout(30_000);
    await context.setOffline(false);
    await page.locator(".answer:not(.live)").waitFor({ timeout: 120_000 });
    const words = (await page.locator(".answer .prose").textContent()).match(/word\d+/g);
    const expected = Array.from({ length: 100 }, (_, index) => `word${index}`);
    expect(JSON.stringify(words) === JSON.stringify(expected), `every word once: ${words}`);
    // A reload in the middle of the next answer continues it.
    await ask(page, QUESTION);
    await page.locator(".live").getByText("word5").waitFor({ timeout: 120_000 });
    await page.reload();
    await page.locator(".live").getByText("word20").waitFor({ timeout: 60_000 });
    // A question that is sent without a network is asked once when it is back.
    await page.getByRole("button", { name: "Stop the answer" }).click();
    await page.getByRole("button", { name: "Stop the answer" }).waitFor({ state: "detached" });
    await context.setOffline(true);
    await ask(page, "Who replaces the seal?");
    await page.getByText("Sending").waitFor();
    await page.waitForTimeout(2000);
    await context.setOffline(false);
    await page.locator(".live").waitFor({ timeout: 60_000 });
    expect((await page.locator(".question").count()) === 3, "the question stands there once");
  }),

  /** The main path without a mouse. */
  keyboard: () => withPage(DESKTOP, async (page) => {
    const email = await register(page, "typist");
    await upload(page, [PUMP], 1);
    await page.evaluate(() => localStorage.clear());
    await page.goto("about:blank");
    await page.goto(`${BASE}/console`);
    await page.getByLabel("Password").waitFor();
    await tabTo(page, "E-mail address or username");
    await page.keyboard.type(email);
    await tabTo(page, "Password");
    await page.keyboard.type("a long enough password");
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Main" }).waitFor();
    await tabTo(page, "Question");
    await page.keyboard.type(QUESTION);
    await page.keyboard.press("Enter");
    await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
    await tabTo(page, /^Source 1/, { back: true });
    await page.keyboard.press("Enter");
    await page.locator(".source-text mark").waitFor();
    await page.keyboard.press("Escape");
    await tabTo(page, "Actions of the conversation", { back: true });
    await page.keyboard.press("Enter");
    await focusedOn(page, "[role=menuitem]");
    await page.keyboard.press("Enter");
    await focusedOn(page, "dialog input");
    await page.keyboard.press("Control+A");
    await page.keyboard.type("About the pump");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "About the pump" }).waitFor();
    await tabTo(page, "Documents");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Documents" }).waitFor();
    await tabTo(page, "pump.md");
    await page.keyboard.press("Enter");
    await page.getByText("My searches and answers use it").waitFor();
  }),

  /** An administrator changes a setting, and every page is looked at, in both colours. */
  administer: () => withPage(DESKTOP, async (page) => {
    await signIn(page);
    await page.getByRole("link", { name: "Administer" }).click();
    const parts = page.getByRole("navigation", { name: "Administer" });
    await parts.getByRole("link", { name: "Settings" }).click();
    await page.getByLabel("Find a setting").fill("num_documents_to_retrieve");
    const setting = page.locator(".settings .card").first();
    await setting.getByText("Deployment").waitFor();
    await setting.getByRole("button", { name: "Change num_documents_to_retrieve" }).click();
    await page.getByRole("dialog").getByLabel("Value").fill("7");
    await accessible(page, "a setting");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await setting.getByText("Administrators").waitFor();
    expect((await setting.locator(".value").textContent()) === "7", "the new value is shown");
    await setting.getByRole("button", { name: "History of num_documents_to_retrieve" }).click();
    await page.getByRole("dialog").getByText("→ 7").waitFor();
    await page.keyboard.press("Escape");
    await setting.getByRole("button", { name: "Back to the deployment's" }).click();
    await setting.getByText("Deployment").waitFor();
    await page.getByLabel("Find a setting").fill("max_tokens");
    await setting.getByRole("button", { name: "Change max_tokens" }).click();
    await page.getByRole("dialog").getByLabel("Leave it to the provider").check();
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await setting.getByText("Leave it to the provider").waitFor();
    await setting.getByRole("button", { name: "Back to the deployment's" }).click();
    await setting.getByText("Deployment").waitFor();
    for (const theme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: theme });
      for (const area of ["Administer", "Account"]) {
        await page.getByRole("link", { name: area, exact: true }).click();
        const links = page.getByRole("navigation", { name: area }).getByRole("link");
        await links.first().waitFor();
        for (let at = 0; at < (await links.count()); at += 1) {
          const name = await links.nth(at).textContent();
          await links.nth(at).click();
          await page.getByRole("heading", { name, level: 1 }).waitFor();
          await page.locator(".spinner").first().waitFor({ state: "detached" });
          await accessible(page, `${area}: ${name} (${theme})`);
          await shot(page, `administer-${theme}-${area}-${name.replace(/\W+/g, "-")}`);
          if (theme !== "light") continue;
          await page.setViewportSize(PHONE);
          await accessible(page, `${area}: ${name} (phone)`);
          await shot(page, `administer-phone-${area}-${name.replace(/\W+/g, "-")}`);
          await page.setViewportSize(DESKTOP);
        }
      }
    }
  }),

  /** Two variants answer; the vote names them. */
  compare: () => withPage(DESKTOP, async (page) => {
    await signIn(page);
    await page.goto(`${BASE}/console#/administer/comparisons`);
    await page.getByRole("heading", { name: "Results" }).waitFor();
    await page.waitForTimeout(1000);
    for (const [name, isChampion] of [["As it is", true], ["Few passages", false]]) {
      if (await page.getByRole("cell", { name }).count()) continue;
      await page.getByRole("button", { name: "New variant" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Name").fill(name);
      if (isChampion) await dialog.getByLabel("Champion").check();
      else await dialog.getByLabel("Passages for an answer").fill("2");
      await dialog.getByRole("button", { name: "Create" }).click();
      await page.getByRole("cell", { name }).first().waitFor();
    }
    await upload(page, [PUMP], 1);
    await page.getByRole("link", { name: "Ask", exact: true }).click();
    await page.getByLabel("Question", { exact: true }).fill(QUESTION);
    await page.getByRole("button", { name: "Compare two answers" }).click();
    await page.getByRole("group", { name: "Which answer is better?" }).waitFor({ timeout: 120_000 });
    await accessible(page, "a comparison");
    await shot(page, "compare-1-open");
    await page.getByRole("button", { name: "The second" }).click();
    await page.getByText("Your choice").waitFor();
    await shot(page, "compare-2-voted");
    await page.goto(`${BASE}/console#/administer/comparisons`);
    await page.getByText("Votes: 1").waitFor();
    await shot(page, "compare-3-results");
  }),

  /** Names, titles, texts and questions of others are text, whatever is in them. */
  hostile: () => withPage(DESKTOP, async (page) => {
    const texts = JSON.parse(readFileSync(new URL("hostile.json", import.meta.url), "utf8"));
    let dialogs = 0;
    page.on("dialog", (dialog) => { dialogs += 1; void dialog.dismiss(); });
    await register(page, "target");
    await page.getByRole("link", { name: "Documents" }).first().click();
    for (const [index, text] of texts.entries()) {
      await page.getByRole("button", { name: "Paste text" }).click();
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Title").fill(text.slice(0, 400));
      await dialog.getByLabel("Text").fill(`Item ${index} of the list is called ${text} and weighs ${index + 3} kilograms.`);
      await dialog.getByRole("button", { name: "Add", exact: true }).click();
      await dialog.waitFor({ state: "detached" });
    }
    await page.getByText(`${texts.length} of ${texts.length} searchable`).waitFor({ timeout: 180_000 });
    const titles = await page.locator("td.main-cell a").allTextContents();
    for (const text of texts) expect(titles.includes(text.normalize("NFC")), `the title is shown as it is: ${text}`);
    await shot(page, "hostile-1-documents");
    for (const [index, text] of texts.entries()) {
      await page.getByRole("link", { name: "Ask", exact: true }).click();
      await page.getByRole("button", { name: "New conversation" }).click();
      await page.getByText("What would you like to know?").waitFor();
      await ask(page, `What does item ${index} weigh, which is called ${text}?`);
      await page.locator(".bubble").waitFor();
      expect((await page.locator(".bubble").textContent()).includes(text), `the question is shown as it is: ${text}`);
      await page.locator(".answer:not(.live)").waitFor({ timeout: 120_000 });
      const chip = page.locator("button.cite").first();
      if (await chip.count()) {
        await chip.click();
        await page.locator(".source-text .passage").waitFor();
      }
    }
    await shot(page, "hostile-2-answer");
    await page.goto(`${BASE}/console#/search?q=weighs`);
    await page.locator(".hit").first().waitFor();
    await accessible(page, "hostile hits");
    await shot(page, "hostile-3-search");
    const state = await page.evaluate(() => ({ ran: window.hostile, images: document.querySelectorAll("#app img, #app iframe, #app object, #app script, #app marquee").length }));
    expect(dialogs === 0 && state.ran === undefined && state.images === 0, `nothing ran: ${JSON.stringify(state)}, ${dialogs} dialogs`);
  }),

  /** A database that was paused: the page says so, waits and goes on. */
  waking: () => withPage(DESKTOP, async (page) => {
    let refused = 0;
    await page.route("**/auth/providers", (route) => {
      refused += 1;
      if (refused > 2) return route.continue();
      return route.fulfill({ status: 503, headers: { "Retry-After": "2" }, contentType: "application/problem+json", body: JSON.stringify({ code: "waking", title: "Waking." }) });
    });
    await page.goto(`${BASE}/console`);
    await page.getByText("is waking up").waitFor();
    await accessible(page, "a service that wakes");
    await shot(page, "waking");
    await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
    await page.getByText("is waking up").waitFor({ state: "detached" });
    expect(refused === 3, `asked until it was awake: ${refused}`);
  }),

  /** German, on a phone in the dark; and the first load in bytes and time. */
  german: () => withPage(PHONE, async (page) => {
    await page.goto(`${BASE}/console`);
    await page.getByRole("button", { name: "Anmelden", exact: true }).waitFor();
    await shot(page, "german-1-sign-in");
    await accessible(page, "German sign-in");
    await page.getByRole("button", { name: "Ohne Konto weiter" }).click();
    await page.getByText("Was möchtest du wissen?").waitFor();
    await accessible(page, "German welcome");
    await shot(page, "german-2-welcome");
    const paint = await page.evaluate(() => performance.getEntriesByType("paint").map((entry) => `${entry.name} ${Math.round(entry.startTime)} ms`));
    console.log(paint.join(", "));
  }, { dark: true, language: "de-DE" }),
};

/** A question to the model of the tests, which writes a hundred words slowly. */
async function slowModel(page) {
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("navigation", { name: "Account" }).getByRole("link", { name: "Preferences" }).click();
  await page.getByLabel("Model", { exact: true }).selectOption("slow");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Saved.").waitFor();
  await page.getByRole("link", { name: "Ask", exact: true }).click();
  await ask(page, QUESTION);
}

/** Wait until the focus is on what fits the selector. */
function focusedOn(page, selector) {
  return page.waitForFunction((fits) => document.activeElement?.matches(fits), selector);
}

/** Press Tab until the focus is on what has this name. */
async function tabTo(page, name, { back = false } = {}) {
  const seen = [];
  for (let presses = 0; presses < 60; presses += 1) {
    await page.keyboard.press(back ? "Shift+Tab" : "Tab");
    const focused = await page.evaluate(() => {
      const element = document.activeElement;
      return element.getAttribute("aria-label") ?? element.labels?.[0]?.textContent ?? element.textContent ?? "";
    });
    seen.push(focused.slice(0, 30));
    if (typeof name === "string" ? focused.trim() === name : name.test(focused)) return;
  }
  throw new Error(`Tab does not reach ${name}: ${seen.join(" | ")}`);
}

await { ...walks, ...conversations, ...people, ...sources, ...steering }[process.argv[2]]();
