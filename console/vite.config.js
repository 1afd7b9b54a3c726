// One page and its parts, in one folder without subfolders: the service serves `/console` and `/console/<file>`.
// Every part has a hash of its contents in its name, so that browsers keep it for good.
import { readdirSync, readFileSync } from "node:fs";
import { defineConfig } from "vite";

// What PDF.js loads while it draws. Its decoders of pictures, which it asks for by these names; WebAssembly would require
// a weaker policy. And one module with the character maps of East Asia and two fonts of symbols, in Base64.
const PDFJS = "node_modules/pdfjs-dist";
const DECODERS = ["jbig2_nowasm_fallback.js", "openjpeg_nowasm_fallback.js"];
const SYMBOLS = ["FoxitDingbats.pfb", "FoxitSymbol.pfb"];
const pdf = {
  name: "pdf",
  resolveId: (id) => (id === "virtual:pdf-fonts" ? `\0${id}` : null),
  load(id) {
    if (id !== "\0virtual:pdf-fonts") return null;
    const maps = readdirSync(`${PDFJS}/cmaps`).filter((name) => name.endsWith(".bcmap")).map((name) => [name, `cmaps/${name}`]);
    const paths = [...maps, ...SYMBOLS.map((name) => [name, `standard_fonts/${name}`])];
    const files = paths.map(([name, path]) => [name, readFileSync(`${PDFJS}/${path}`, "base64")]);
    return `export const files = ${JSON.stringify(Object.fromEntries(files))};`;
  },
  generateBundle() {
    for (const fileName of DECODERS) this.emitFile({ type: "asset", fileName, source: readFileSync(`${PDFJS}/wasm/${fileName}`) });
  },
};

export default defineConfig({
  base: "",
  plugins: [pdf],
  build: {
    outDir: "../chalicelib/ops/console",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    target: "es2022",
    cssCodeSplit: false,
    // The worker of PDF.js is a script like the others.
    rollupOptions: { output: { assetFileNames: ({ names }) => (names[0]?.endsWith(".mjs") ? "[name]-[hash].js" : "[name]-[hash][extname]") } },
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  // The page's own address has no slash at its end, so its parts are in the folder `console/` beside it.
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `console/${name}` : { relative: true }),
  },
});
