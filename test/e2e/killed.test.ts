import { afterEach, describe, expect, test } from "vitest";
import { createWorld, type Program, type World } from "./world.js";

/**
 * A program on SoftHSM and the sandbox is killed with SIGKILL, and started again. Whatever the moment: one order, one new
 * key pair, both certificates in place.
 */
const worlds: World[] = [];

afterEach(async () => {
  for (const world of worlds.splice(0)) await world[Symbol.asyncDispose]();
});

async function openWorld(): Promise<World> {
  const world = await createWorld();
  worlds.push(world);
  return world;
}

/** The program and its hosts at once, as a power switch would. */
function killAll({ process: child }: Program): void {
  if (child.pid) process.kill(-child.pid, "SIGKILL");
}

function killParent({ process: child }: Program): void {
  child.kill("SIGKILL");
}

/** Another process, until the renewal is completed: a PIN of unknown result is presented again on demand only. */
async function goOn(world: World): Promise<void> {
  const program = world.start();
  await program.ended;
  expect(program.events.at(-1)).toMatchObject({ event: "end", state: "completed" });
}

async function expectOneRenewal(world: World): Promise<void> {
  const applications = await world.sandbox.admin.applications();
  expect(applications).toHaveLength(1);
  expect(applications[0]?.progress.issuance.status).toBe("confirmed");
  expect(applications[0]?.progress.order?.transactions).toHaveLength(1);
  expect(world.objects()).toEqual({ certificates: 2, privateKeys: 2, publicKeys: 2 });
}

describe("SIGKILL of the whole program", () => {
  const moments = [
    "state:draft",
    "submit:unlocking",
    "submit:generating-key-pair",
    "submit:signing",
    "submit:sending",
    "state:awaiting-payment",
    "payByBankTransfer:sending",
    "state:awaiting-review",
    "install:collecting",
    "install:unlocking",
    "install:writing",
    "install:proving",
    "install:sending",
  ];

  test.each(moments)(
    "at %s",
    async (moment) => {
      const world = await openWorld();
      const program = world.start();
      await program.reached(moment);
      killAll(program);
      await program.ended;
      await goOn(world);
      await expectOneRenewal(world);
    },
    60_000,
  );
});

describe("SIGKILL of the parent alone", () => {
  test("while its host makes a key pair that takes seconds: no second pair, and none too late", async () => {
    const world = await openWorld();
    const program = world.start({ keyAlgorithm: "rsa-4096" });
    await program.reached("submit:generating-key-pair");
    killParent(program);
    await goOn(world);
    await expectOneRenewal(world);
  }, 120_000);

  test("while its host writes the certificate", async () => {
    const world = await openWorld();
    const program = world.start();
    await program.reached("install:writing");
    killParent(program);
    await goOn(world);
    await expectOneRenewal(world);
  }, 60_000);
});
