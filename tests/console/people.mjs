// Walks of people with each other: invitations, the second factor, e-mails, and conversations that are shown to others.
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { accessible, ask, BASE, choose, DESKTOP, EMAIL, expect, file, PASSWORD, PHONE, register, shot, signIn, withPage } from "./browser.mjs";

const WORD = "a long enough password";
const PUMP = file("pump.md", "# Care\n\nThe coolant pump P-17 is inspected every ninety days. The seal is replaced once a year.\n");
const QUESTION = "How often is the coolant pump P-17 inspected?";

/** The six digits of RFC 6238 for a key in base 32, `steps` half-minutes from now. */
function digits(key, steps = 0) {
  const bits = [...key.replace(/\s/g, "")].map((letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const secret = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
  const hash = createHmac("sha1", secret).update(counter).digest();
  const at = hash[19] & 15;
  return String((hash.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, "0");
}

/** The code of the newest e-mail to an address whose subject contains `about`; this stack's e-mails have codes. */
export async function mailed(page, address, about) {
  const folder = path.join(process.env.STACK_DIR, "mail");
  for (let tries = 0; tries < 150; tries += 1) {
    const mails = readable(folder).filter((text) => text.includes(`To: ${address}`) && text.includes(about));
    const code = mails.map((text) => /^([A-Za-z0-9_-]{43})$/m.exec(plain(text))?.[1]).filter(Boolean).pop();
    if (code) return code;
    await page.waitForTimeout(1000);
  }
  throw new Error(`no e-mail about “${about}” came to ${address}`);
}

/** The plain text of an e-mail: its first part. */
function plain(text) {
  const part = /Content-Transfer-Encoding: base64\s+([A-Za-z0-9+/=\s]+?)\n\s*--/.exec(text.replaceAll("\r", ""));
  return part ? Buffer.from(part[1], "base64").toString("utf8") : text;
}

function readable(folder) {
  try {
    return readdirSync(folder).sort().map((name) => readFileSync(path.join(folder, name), "utf8"));
  } catch {
    return [];
  }
}

async function signOut(page) {
  await page.getByRole("link", { name: "Account", exact: true }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await page.getByRole("button", { name: "Sign in", exact: true }).waitFor();
}

export const walks = {
  /** Somebody is invited by a link, comes in, and gets a second factor; a recovery code replaces the app. */
  invited: () => withPage(DESKTOP, async (page, _context, open) => {
    const name = `team-${Date.now()}`;
    await signIn(page);
    await page.goto(`${BASE}/console#/administer/groups`);
    await page.getByRole("button", { name: "New group" }).click();
    await page.getByRole("dialog").getByLabel("Name").fill(name);
    await page.getByRole("dialog").getByRole("button", { name: "Save" }).click();
    await page.getByRole("button", { name }).first().waitFor();
    await page.getByRole("link", { name: "Invitations" }).click();
    await page.getByRole("button", { name: "New invitation" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Group to join").selectOption({ label: name });
    await accessible(page, "a new invitation");
    await dialog.getByRole("button", { name: "Invite" }).click();
    const link = await page.getByRole("dialog", { name: "The link of the invitation" }).locator("pre").textContent();
    await page.getByRole("dialog").getByRole("button", { name: "Done" }).click();
    await page.getByText("Whoever has the link").first().waitFor();
    await shot(page, "invited-1-invitations");

    const other = await open(PHONE);
    await other.goto(link);
    await other.getByText("invites you").waitFor();
    await other.getByText(name).waitFor();
    expect(!other.url().includes("invitation"), `the token does not stay in the address: ${other.url()}`);
    await accessible(other, "an invitation");
    await shot(other, "invited-2-link");
    const email = `guest-${Date.now()}@example.org`;
    await other.getByLabel("E-mail address").fill(email);
    await other.getByLabel("Password").fill(WORD);
    await other.getByRole("button", { name: "Create the account" }).click();
    await other.getByRole("navigation", { name: "Main" }).waitFor();

    await other.goto(`${BASE}/console#/account/security`);
    await other.getByRole("button", { name: "Set it up" }).click();
    const enrolment = other.getByRole("dialog", { name: "Set it up" });
    await enrolment.getByRole("img", { name: /QR code/ }).waitFor();
    const key = await enrolment.locator(".secret").textContent();
    await accessible(other, "the second factor");
    await shot(other, "invited-3-second-factor");
    await enrolment.getByLabel("The six digits").fill(digits(key));
    await enrolment.getByRole("button", { name: "Confirm" }).click();
    const codes = (await other.getByRole("dialog", { name: "Recovery codes" }).locator("pre").textContent()).split("\n");
    expect(codes.length === 10, `ten recovery codes: ${codes.length}`);
    await accessible(other, "recovery codes");
    await other.getByRole("button", { name: "I have kept them" }).click();
    await other.getByText("In use", { exact: true }).waitFor();
    await shot(other, "invited-4-account");

    await signOut(other);
    await other.getByLabel("E-mail address or username").fill(email);
    await other.getByLabel("Password").fill(WORD);
    await other.getByRole("button", { name: "Sign in", exact: true }).click();
    await other.getByLabel("Code of the second factor").waitFor();
    await accessible(other, "a sign-in with a second factor");
    await shot(other, "invited-5-code");
    await other.keyboard.type(codes[0]);
    await other.keyboard.press("Enter");
    await other.getByRole("navigation", { name: "Main" }).waitFor();

    await page.reload();
    await page.getByText("Accepted", { exact: true }).first().waitFor();
    await page.goto(link);
    await page.reload();
    await page.getByText("invitation").first().waitFor();
    await page.getByRole("button", { name: "Not now" }).click();
    await page.getByRole("navigation", { name: "Main" }).waitFor();
  }),

  /** Through a login provider: cancelled, and then whole; the session's token does not stay in the address. */
  provider: () => withPage(DESKTOP, async (page) => {
    await page.goto(`${BASE}/console`);
    await page.getByRole("button", { name: "Sign in with Office" }).waitFor();
    await accessible(page, "a sign-in with a provider");
    await shot(page, "provider-1-sign-in");
    await page.getByRole("button", { name: "Sign in with Office" }).click();
    await page.waitForURL(/\/authorize/, { waitUntil: "domcontentloaded" });
    const asked = new URL(page.url()).searchParams;
    await page.goto(`${asked.get("redirect_uri")}?${new URLSearchParams({ error: "access_denied", state: asked.get("state") })}`);
    await page.getByRole("alert").waitFor();
    expect(page.url() === `${BASE}/console`, `nothing stays in the address: ${page.url()}`);
    await accessible(page, "a cancelled sign-in");
    await shot(page, "provider-2-cancelled");
    await page.getByRole("button", { name: "Sign in with Office" }).click();
    await page.waitForURL(/\/authorize/, { waitUntil: "domcontentloaded" });
    await page.locator("input[name=username]").fill("grace");
    await page.locator("input[name=password]").fill("let me in");
    await page.keyboard.press("Enter");
    await page.getByRole("navigation", { name: "Main" }).waitFor();
    expect(!page.url().includes("refresh_token"), `the token does not stay in the address: ${page.url()}`);
    await page.goto(`${BASE}/console#/account/security`);
    await page.getByText("Office").first().waitFor();
    await shot(page, "provider-3-account");
    await page.reload();
    await page.getByRole("navigation", { name: "Main" }).waitFor();
  }),

  /** A forgotten password, another address, and an address that an administrator changes, with the codes of e-mails. */
  recovered: () => withPage(DESKTOP, async (page, _context, open) => {
    const email = await register(page, "forgetful");
    await page.goto(`${BASE}/console#/account/security`);
    await page.getByText("Not confirmed").waitFor();
    await page.getByRole("button", { name: "Confirm it" }).click();
    await page.getByText("an e-mail is on its way").first().waitFor();
    await page.getByRole("button", { name: "I have a code" }).click();
    await page.getByLabel("The code of the e-mail").fill(await mailed(page, email, "confirm your e-mail"));
    await page.getByLabel("Password").fill(WORD);
    await accessible(page, "a code of an e-mail");
    await shot(page, "recovered-1-code");
    await page.getByRole("button", { name: "Confirm", exact: true }).click();
    await page.getByText("Confirmed", { exact: true }).waitFor();

    const next = `next-${email}`;
    await page.getByRole("button", { name: "Change the address" }).click();
    await page.getByRole("dialog").getByLabel("New e-mail address").fill(next);
    await page.getByRole("dialog").getByRole("button", { name: "Continue" }).click();
    for (const [address, about] of [[next, "confirm your new e-mail"], [email, "is to get another"]]) {
      await page.getByRole("button", { name: "Enter a code" }).click();
      await page.getByLabel("The code of the e-mail").fill(await mailed(page, address, about));
      await page.getByRole("button", { name: "Confirm", exact: true }).click();
      await page.getByText(address === next ? "The other address must confirm too." : "The account has its new address.").first().waitFor();
    }
    await page.getByText(next).first().waitFor();
    await signOut(page);

    await page.getByRole("button", { name: "Forgot the password?" }).click();
    await page.getByRole("dialog").getByLabel("E-mail address").fill(next);
    await accessible(page, "a forgotten password");
    await page.getByRole("dialog").getByRole("button", { name: "Send the e-mail" }).click();
    await page.getByText("an e-mail is on its way").first().waitFor();
    await page.getByRole("button", { name: "I have a code" }).click();
    await page.getByRole("button", { name: "A new password" }).click();
    await page.getByLabel("The code of the e-mail").fill(await mailed(page, next, "choose a new password"));
    await page.getByLabel("New password", { exact: true }).fill("another long password");
    await shot(page, "recovered-2-password");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Sign in with it.").first().waitFor();
    await page.getByLabel("E-mail address or username").fill(next);
    await page.getByLabel("Password").fill("another long password");
    await page.getByRole("button", { name: "Sign in", exact: true }).click();
    await page.getByRole("navigation", { name: "Main" }).waitFor();

    const office = await open(DESKTOP);
    await signIn(office, EMAIL, PASSWORD);
    await office.goto(`${BASE}/console#/administer/people`);
    await office.getByLabel("Find a person").fill(next);
    await office.getByText(next).first().waitFor();
    await office.getByRole("button", { name: "Actions for forgetful" }).first().click();
    await office.getByRole("menuitem", { name: "Change the address" }).click();
    const third = `third-${email}`;
    await office.getByRole("dialog").getByLabel("New e-mail address").fill(third);
    await accessible(office, "another's address");
    await office.getByRole("dialog").getByRole("button", { name: "Send the e-mail" }).click();
    await office.getByText("The e-mails are on their way.").waitFor();
    // As with a link: its code stands in the address.
    await page.goto(`${BASE}/console#email_new=${await mailed(page, third, "confirm your new e-mail")}`);
    await page.getByRole("button", { name: "Confirm", exact: true }).click();
    await page.getByText("The account has its new address.").first().waitFor();
  }),

  /** A conversation is shown to a colleague, who reads it with the sources that she may see, and goes on in a copy. */
  shared: () => withPage(DESKTOP, async (page, _context, open) => {
    await register(page, "author");
    await page.getByRole("link", { name: "Documents" }).first().click();
    await choose(page, [PUMP]);
    await page.getByText("1 of 1 searchable").waitFor({ timeout: 120_000 });
    await page.getByRole("link", { name: "Ask", exact: true }).click();
    await ask(page, QUESTION);
    await page.locator(".answer:not(.live) button.cite").first().waitFor({ timeout: 120_000 });
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Actions of the conversation" }).click();
    await page.getByRole("menuitem", { name: "Export as Word" }).click();
    expect((await download).suggestedFilename().endsWith(".docx"), "a Word file comes");
    await page.getByRole("button", { name: "Actions of the conversation" }).click();
    await page.getByRole("menuitem", { name: "Share" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Share", exact: true }).click();
    const link = await dialog.locator(".once pre").textContent();
    await dialog.getByText("By a link, opened by 0").waitFor();
    await accessible(page, "sharing");
    await shot(page, "shared-1-share");

    const other = await open(PHONE);
    await other.goto(link);
    await other.getByText("Somebody shows you a conversation.").waitFor();
    const anonymously = other.getByRole("button", { name: "Continue without an account" });
    expect((await anonymously.count()) === 0, "a share requires an account, so nothing else is offered");
    await accessible(other, "a share before the sign-in");
    await other.getByRole("button", { name: "Create an account" }).click();
    await other.getByLabel("Name").fill("Reader");
    await other.getByLabel("E-mail address").fill(`reader-${Date.now()}@example.org`);
    await other.getByLabel("Password").fill(WORD);
    await other.getByRole("button", { name: "Create the account" }).click();
    await other.getByText("shows it to you").waitFor();
    await other.getByText("every ninety days").first().waitFor();
    await other.getByText("Sources that you cannot see: 1").waitFor();
    await accessible(other, "a shared conversation");
    await shot(other, "shared-2-read");
    await other.getByRole("button", { name: "Go on in a copy" }).click();
    await other.getByLabel("Question", { exact: true }).waitFor();
    await other.getByText("every ninety days").first().waitFor();

    await dialog.getByRole("button", { name: "End it" }).click();
    await dialog.getByText("With nobody.").waitFor();
    expect((await dialog.locator(".once").count()) === 0, "a link that has ended is not offered for copying");
    await other.goto(link);
    await other.reload();
    await other.getByRole("button", { name: "Not now" }).waitFor();
    await shot(other, "shared-3-ended");
  }),
};
