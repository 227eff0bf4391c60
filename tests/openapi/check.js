// Validates an OpenAPI document, and writes the TypeScript types that follow from it.
//
//     node check.js DOCUMENT TYPES

import { readFile, writeFile } from "node:fs/promises";
import { Validator } from "@seriousme/openapi-schema-validator";
import openapiTS, { astToString } from "openapi-typescript";

const [document, types] = process.argv.slice(2);
const text = await readFile(document, "utf8");
const validator = new Validator();
const result = await validator.validate(JSON.parse(text));
if (!result.valid) {
  console.error(JSON.stringify(result.errors, null, 2));
  process.exit(1);
}
if (validator.version !== "3.1") {
  console.error(`the document is of OpenAPI ${validator.version}, and not of 3.1`);
  process.exit(1);
}
await writeFile(types, astToString(await openapiTS(text)));
