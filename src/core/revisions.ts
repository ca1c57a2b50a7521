import type { Choice, RenewalRecord } from "./record.js";

/** An application has revisions: the first is `submit`'s, each `amend` adds one. */

/** The next revision, not signed yet. The one that the RA returned is kept: for the archive, and to go back to. */
export function nextRevision(record: RenewalRecord, choice: Choice): RenewalRecord {
  const { application } = record;
  const {
    revision,
    choice: before = choice,
    signed,
    receipt,
    reasons,
    returned = [],
  } = application;
  return {
    ...record,
    application: {
      ...application,
      status: "submitting",
      revision: revision + 1,
      choice,
      signed: undefined,
      receipt: undefined,
      reasons: [],
      returned: [...returned, { revision, choice: before, signed, receipt, reasons }],
    },
  };
}

/** The record as it was before the revision that nobody received: a draft, or the revision that the RA returned. */
export function withoutRevision(record: RenewalRecord): RenewalRecord {
  const { application } = record;
  const { returned = [], revision } = application;
  const before = returned.at(-1);
  if (revision === 1 || !before) {
    return { ...record, application: { ...application, status: "draft" } };
  }
  return {
    ...record,
    application: {
      ...application,
      ...before,
      status: "returned",
      returned: returned.slice(0, -1),
    },
  };
}
