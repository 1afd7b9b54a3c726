declare module "pdfjs-dist/legacy/build/pdf.min.mjs" {
  export * from "pdfjs-dist";
}

/** Files of PDF.js by name, in Base64. */
declare module "virtual:pdf-fonts" {
  export const files: Record<string, string>;
}
