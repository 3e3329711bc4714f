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
  {
    files: ["js/**/*.js"],
    ignores: ["js/**/*strings.js"],
    rules: {
      "no-restricted-syntax": [
        "error",
        // names of keys are compared, or asked for
        ...[
          ":not(BinaryExpression, CallExpression[callee.property.name='getModifierState']) > Literal[value=/^[A-Z][a-z]+/]",
          "TemplateElement[value.raw=/[A-Z][a-z]+ [a-z]/]",
        ].map((selector) => ({ selector, message: "What people read is in a module of strings, to be translated." })),
      ],
    },
  },
];
