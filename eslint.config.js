import js from "@eslint/js";
import globals from "globals";

export default [
  { files: ["js/**/*.js"], ...js.configs.recommended, languageOptions: { globals: globals.browser } },
  {
    files: ["tests/js/**/*.js", "*.js"],
    ...js.configs.recommended,
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
  },
  {
    rules: {
      curly: ["error", "multi-line"],
      eqeqeq: "error",
      "no-console": "error",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-new-func": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "prefer-template": "error",
      "no-restricted-properties": [
        "error",
        ...["innerHTML", "outerHTML", "insertAdjacentHTML", "write"].map((property) => ({
          property,
          message: "Text enters a page only as text: use js/dom.js.",
        })),
      ],
    },
  },
];
