import { driverContract } from "certrenew/testing";
import { describe, test } from "vitest";
import { driverFixture } from "../../examples/own/fixtures.js";

describe("a driver of defineDriver", () => {
  for (const { name, run } of driverContract(driverFixture)) test(name, run);
});
