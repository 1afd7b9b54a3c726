// Walks through conversations and documents beyond the main path.
import { accessible, ask, BASE, choose, DESKTOP, EMAIL, expect, file, PASSWORD, PHONE, register, shot, signIn, withPage } from "./browser.mjs";

const PUMP = file("pump.md", "# Care\n\nThe coolant pump P-17 is inspected every ninety days.\n");
const OFFICE = file("office.md", "# Holidays\n\nThe office is closed from 24 December to 2 January.\n");
const QUESTION = "How often is the coolant pump P-17 inspected?";

async function act(page, name) {
  await page.getByRole("button", { name: "Actions of the conversation" }).click();
  await page.getByRole("menuitem", { name, exact: true }).click();
}

async function shelf(page, label) {
  await page.getByLabel("Which conversations").selectOption({ label });
}

/** A group in which the administrator writes. */
async function joinNewGroup(name) {
  const send = async (method, path, body, token) => {
    const headers = { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) };
    const response = await fetch(`${BASE}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    expect(response.ok, `${method} ${path}: ${response.status}`);
    return response.status === 204 ? null : response.json();
  };
  const { access_token: token } = await send("POST", "/auth/login", { email: EMAIL, password: PASSWORD });
  const { id } = await send("GET", "/me", null, token);
  const group = await send("POST", "/groups", { name }, token);
  await send("PUT", `/groups/${group.id}/members/${id}`, { role: "editor" }, token);
}

export const walks = {
  /** An assistant and a scope are chosen; an answer is a mistake; the conversation is archived, deleted, found again. */
  conversations: () => withPage(DESKTOP, async (page, _context, open) => {
    const office = await open(DESKTOP);
    await signIn(office);
    await office.getByRole("link", { name: "Administer" }).click();
    await office.getByRole("navigation", { name: "Administer" }).getByRole("link", { name: "Assistants" }).click();
    const assistant = `Mechanic ${Date.now()}`;
    await office.getByRole("button", { name: "New assistant" }).click();
    await office.getByRole("dialog").getByLabel("Name").fill(assistant);
    await office.getByRole("dialog").getByLabel("Description").fill("Knows the machines.");
    await office.getByRole("dialog").getByLabel("Questions to begin with").fill("When is the office closed?");
    await office.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await office.getByRole("cell", { name: assistant }).first().waitFor();

    await register(page, "tidy");
    await page.getByRole("link", { name: "Documents" }).first().click();
    await choose(page, [PUMP, OFFICE]);
    await page.getByText("2 of 2 searchable").waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "Ask", exact: true }).click();
    await page.getByRole("group", { name: "Assistant" }).getByRole("button", { name: assistant }).click();
    await page.getByText("Knows the machines.").waitFor();
    await page.getByRole("button", { name: "When is the office closed?" }).waitFor();
    expect((await page.getByRole("button", { name: "Compare two answers" }).count()) === 0, "without variants nothing is compared");
    await page.getByRole("button", { name: "All documents" }).click();
    const scope = page.getByRole("dialog");
    await scope.getByLabel("office.md").check();
    await accessible(page, "the scope");
    await shot(page, "conversations-1-scope");
    await scope.getByRole("button", { name: "Use these" }).click();
    await page.getByRole("button", { name: "Only office.md" }).waitFor();
    await ask(page, QUESTION);
    const answer = page.locator(".answer:not(.live)");
    await answer.first().waitFor({ timeout: 120_000 });
    const text = await answer.first().textContent();
    expect(!text.includes("ninety days"), `the answer uses the chosen document alone: ${text}`);

    await page.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Mark as a mistake" }).click();
    await page.getByRole("dialog").getByLabel("What is wrong?").fill("It stands in the pump's manual.");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.locator(".answer .notice", { hasText: "It stands in the pump's manual." }).waitFor();
    await accessible(page, "a mistake");
    await shot(page, "conversations-2-mistake");

    await act(page, "Rename");
    await page.getByRole("dialog").getByLabel("Title").fill("Pump care");
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    const list = page.getByRole("navigation", { name: "Conversations" });
    const entry = list.getByRole("link", { name: /Pump care/ });
    await entry.waitFor();
    await act(page, "Archive");
    await entry.waitFor({ state: "detached" });
    await shelf(page, "Archived");
    await entry.waitFor();
    await page.getByRole("button", { name: "Undo" }).click();
    await entry.waitFor({ state: "detached" });
    await shelf(page, "In use");
    await entry.click();
    await act(page, "Delete");
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("The conversation is deleted.").waitFor();
    await entry.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await entry.waitFor();
    await page.getByRole("heading", { name: "Pump care" }).waitFor();

    await page.getByLabel("Search conversations").fill("pump car");
    await entry.first().waitFor();
    await page.getByLabel("Search conversations").fill("coolant inspected");
    await list.getByRole("link", { name: /coolant pump/ }).first().click();
    await page.locator(".question").first().waitFor();
    await accessible(page, "a search over conversations");
    await shot(page, "conversations-3-search");
  }),

  /** A new version of a document; documents are shared with a group, and their originals saved. */
  versions: () => withPage(DESKTOP, async (page, _context, open) => {
    await signIn(page);
    const parts = page.getByRole("navigation", { name: "Administer" });
    const group = `mechanics-${Date.now()}`;
    await joinNewGroup(group);
    await page.getByRole("link", { name: "Documents" }).first().click();
    const crane = `crane-${Date.now()}.md`;
    await choose(page, [file(crane, `The crane lifts nine tons.\n\nSeen at ${Date.now()}.\n`)]);
    await page.getByText("1 of 1 searchable").waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: crane }).first().click();
    await page.getByText("The crane lifts nine tons.").waitFor();
    await page.getByLabel("Upload a new version").setInputFiles([file(crane, `The crane lifts eleven tons.\n\nSeen at ${Date.now()}.\n`)]);
    await page.getByText("The crane lifts eleven tons.").waitFor({ timeout: 120_000 });
    await page.getByRole("button", { name: "Versions" }).click();
    await page.getByText("Version 2").waitFor();
    await page.getByText("Version 1").waitFor();
    await accessible(page, "versions");
    await shot(page, "versions-1-desktop");

    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Documents" }).click();
    await page.getByLabel(`Choose ${crane}`).check();
    const bar = page.getByRole("toolbar");
    await bar.getByRole("button", { name: "More", exact: true }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: "Download the originals" }).click();
    expect((await download).suggestedFilename() === crane, "the original is saved under its name");
    await bar.getByRole("button", { name: "More", exact: true }).click();
    await page.getByRole("menuitem", { name: "Share with a group" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Who can read them").selectOption({ label: group });
    await accessible(page, "sharing documents");
    await dialog.getByRole("button", { name: "Save" }).click();
    await page.getByText("Done for 1.").waitFor();
    await page.getByRole("row", { name: crane }).getByText("A group").waitFor();
    await page.getByLabel(`Choose ${crane}`).check();
    await bar.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByText("Delete 1 document?").waitFor();
    await shot(page, "versions-2-delete");
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();

    await page.getByRole("link", { name: "Administer" }).click();
    await parts.getByRole("link", { name: "Queue" }).click();
    await page.getByRole("heading", { name: "Jobs" }).waitFor();
    await accessible(page, "jobs");

    // Somebody without an account who opens a share makes an account out of what this browser has.
    await page.getByRole("link", { name: "Ask", exact: true }).click();
    await ask(page, "How much does the crane lift?");
    await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
    await act(page, "Share");
    await dialog.getByRole("button", { name: "Share", exact: true }).click();
    const link = await dialog.locator(".once pre").textContent();
    const other = await open(PHONE);
    await other.goto(link.replace(/#.*/, ""));
    await other.getByRole("button", { name: "Continue without an account" }).click();
    await other.getByRole("navigation", { name: "Main" }).waitFor();
    await other.goto("about:blank");
    await other.goto(link);
    await other.getByText("Somebody shows you a conversation.").waitFor();
    await accessible(other, "a share without an account");
    await shot(other, "versions-3-share");
    await other.getByLabel("E-mail address").fill(`reader-${Date.now()}@example.org`);
    await other.getByLabel("Password").fill("a long enough password");
    await other.getByRole("button", { name: "Create the account" }).click();
    await other.getByText("shows it to you").waitFor();
  }),
};
