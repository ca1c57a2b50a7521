/** The suites under node:test: `node --test build/examples/own/contract.test.js`. */
import { describe, test } from "node:test";
import { driverContract, storeContract, transportContract } from "certrenew/testing";
import { driverFixture, storeFixture, transportFixture } from "./fixtures.js";

void describe("own driver", () => {
  for (const { name, run } of driverContract(driverFixture)) void test(name, run);
});

void describe("own transport", () => {
  for (const { name, run } of transportContract(transportFixture)) void test(name, run);
});

void describe("own store", () => {
  for (const { name, run } of storeContract(storeFixture)) void test(name, run);
});
