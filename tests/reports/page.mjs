// Checks pages of reports in headless Chromium, as their readers meet them: light, dark, narrow, on paper, by keyboard.
//
//     node page.mjs [--shots FOLDER] REPORT.html...
//
// Ends with 1 and a list where a page fails. CHROMIUM names the browser, /usr/bin/chromium without it.

import { chromium } from "playwright-core";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const CONTRAST_LEAST = 4.5; // WCAG 2.2, 1.4.3
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 360, height: 780 };

const options = process.argv.slice(2);
const at = options.indexOf("--shots");
const shots = at < 0 ? undefined : resolve(options.splice(at, 2)[1]);
if (shots) mkdirSync(shots, { recursive: true });

const complaints = [];
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
for (const file of options) await check(resolve(file));
await browser.close();
if (complaints.length > 0) {
  console.error(complaints.join("\n"));
  process.exit(1);
}
console.log(`${options.length} pages hold in light, dark, narrow, print and by keyboard`);

async function check(file) {
  const url = pathToFileURL(file).href;
  const complain = (what) => complaints.push(`${file}: ${what}`);
  const context = await browser.newContext({ viewport: WIDE });
  const page = await context.newPage();
  page.on("console", (message) => message.type() === "error" && complain(`console: ${message.text()}`));
  page.on("pageerror", (error) => complain(`error: ${error.message}`));
  page.on("request", (request) => request.url() !== url && complain(`asks for ${request.url()}`));
  const backgrounds = {};
  for (const [name, colorScheme, viewport] of [["light", "light", WIDE], ["dark", "dark", WIDE], ["narrow", "light", NARROW]]) {
    await page.setViewportSize(viewport);
    await page.emulateMedia({ colorScheme, media: "screen" });
    await page.goto(url);
    backgrounds[name] = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await shot(page, file, name);
    for (const what of await page.evaluate(looks, CONTRAST_LEAST)) complain(`${name}: ${what}`);
    await axe(page, (what) => complain(`${name}: ${what}`));
  }
  if (backgrounds.light === backgrounds.dark) complain(`dark has the background of light, ${backgrounds.light}`);
  await keyboard(page, url, complain);
  await paper(page, url, file, complain);
  await context.close();
}

/** What a reader would see amiss; runs in the page. */
function looks(contrastLeast) {
  const found = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) found.push(`${root.scrollWidth} px wide in ${root.clientWidth} px`);
  for (const drawing of document.querySelectorAll("svg.figure")) {
    const box = drawing.getBoundingClientRect();
    const least = drawing.classList.contains("gauge") ? 10 : 60;
    const name = drawing.getAttribute("aria-labelledby") ?? drawing.getAttribute("aria-label");
    if (box.width < 100 || box.height < least) found.push(`figure ${name} is ${box.width} x ${box.height} px`);
    if (!drawing.querySelector("title")?.textContent) found.push(`figure ${name} has no text alternative`);
  }
  for (const figure of document.querySelectorAll("figure")) {
    if (!figure.querySelector("table tbody tr")) found.push(`figure ${figure.id} has no numbers`);
    if (!figure.querySelector("figcaption")) found.push(`figure ${figure.id} has no caption`);
  }
  // Contrast of words in drawings; those of the page are checked by axe.
  const channels = (color) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = channels(getComputedStyle(document.body).backgroundColor).slice(0, 3);
  const seen = new Set();
  for (const words of document.querySelectorAll("svg.figure text")) {
    const style = getComputedStyle(words);
    const opacity = Number(style.opacity);
    const ink = channels(style.fill).slice(0, 3).map((c, index) => c * opacity + paper[index] * (1 - opacity));
    const [high, low] = [luminance(ink), luminance(paper)].sort((a, b) => b - a);
    const contrast = (high + 0.05) / (low + 0.05);
    const kind = words.getAttribute("class");
    if (contrast < contrastLeast && !seen.has(kind)) {
      seen.add(kind);
      found.push(`words "${kind}" in a figure have a contrast of ${contrast.toFixed(2)}`);
    }
  }
  return found;
}

/** Landmarks, headings, tables, names, contrast: the rules of axe for WCAG 2.2 A and AA, and its best practices. */
async function axe(page, complain) {
  await page.addScriptTag({ path: AXE });
  const rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((values) => window.axe.run({ runOnly: { type: "tag", values } }), rules);
  for (const { id, help, nodes } of violations) {
    const examples = nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ""}`);
    complain(`${id}: ${help} (${nodes.length}): ${examples.join("; ")}`);
  }
}

/** The skip link is first and works; every stop shows where it is; folded parts open. */
async function keyboard(page, url, complain) {
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: "light", media: "screen" });
  await page.goto(url);
  await page.keyboard.press("Tab");
  const skips = await page.evaluate(() => {
    const box = document.activeElement.getBoundingClientRect();
    return document.activeElement.matches("a.skip") && box.left >= 0 && box.top >= 0;
  });
  if (!skips) complain("keyboard: the first stop is not the visible skip link");
  await page.keyboard.press("Enter");
  if (!(await page.evaluate(() => document.activeElement.matches("main")))) complain("keyboard: the skip link does not lead to the content");
  for (let stop = 0; stop < 40; stop += 1) {
    await page.keyboard.press("Tab");
    const bare = await page.evaluate(() => {
      const focused = document.activeElement;
      const { outlineStyle, outlineWidth } = getComputedStyle(focused);
      const shows = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
      return focused === document.body || shows ? undefined : focused.outerHTML.slice(0, 80);
    });
    if (bare) complain(`keyboard: focus does not show on ${bare}`);
  }
  const folded = page.locator("details > summary").first();
  if ((await folded.count()) > 0) {
    await folded.focus();
    await page.keyboard.press("Enter");
    if (!(await page.evaluate(() => document.querySelector("details").open))) complain("keyboard: a folded part does not open");
  }
}

/** On paper: folded parts are open, the page has pages, and nothing is wider than the paper. */
async function paper(page, url, file, complain) {
  await page.emulateMedia({ colorScheme: "light", media: "print" });
  await page.setViewportSize({ width: 672, height: 950 }); // A4 less the margins, in CSS px
  await page.goto(url);
  const found = await page.evaluate(() => {
    const hidden = [...document.querySelectorAll("details")].filter((part) => {
      const content = part.querySelector(":scope > :not(summary)");
      return content && content.getBoundingClientRect().height < 5;
    });
    const root = document.documentElement;
    return { hidden: hidden.length, over: root.scrollWidth - root.clientWidth };
  });
  if (found.hidden > 0) complain(`print: ${found.hidden} folded parts stay closed`);
  if (found.over > 0) complain(`print: ${found.over} px wider than the paper`);
  const bytes = await page.pdf({ preferCSSPageSize: true, printBackground: true });
  const pages = (bytes.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length;
  if (pages < 2) complain(`print: ${pages} pages`);
  if (shots) writeFileSync(`${shots}/${named(file)}-print.pdf`, bytes);
}

async function shot(page, file, name) {
  if (shots) await page.screenshot({ path: `${shots}/${named(file)}-${name}.png` });
}

/** A run's reports have the same names: its folder tells them apart. */
function named(file) {
  return `${basename(dirname(file))}-${basename(file, ".html")}`;
}
