// One page and its parts, in one folder without subfolders: the service serves `/console` and `/console/<file>`.
// Every part has a hash of its contents in its name, so that browsers keep it for good.
import { defineConfig } from "vite";

export default defineConfig({
  base: "",
  build: {
    outDir: "../chalicelib/ops/console",
    emptyOutDir: true,
    assetsDir: "",
    assetsInlineLimit: 0,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  // The page's own address has no slash at its end, so its parts are in the folder `console/` beside it.
  experimental: {
    renderBuiltUrl: (name, { hostType }) => (hostType === "html" ? `console/${name}` : { relative: true }),
  },
});
