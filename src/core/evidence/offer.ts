import { z } from "zod";
import { offerSchema } from "../domain/offer.js";
import type { RenewalRecord } from "../record.js";
import { type Collection, MEDIA_TYPE, type OpenedMessage } from "./collection.js";
import { certificateTarget, fileTarget, NAME } from "./names.js";
import { ABOUT, REASON } from "./texts.js";

/** The offer, as the RA signed it where it does, and the text of the agreement. */
export function addOffer(collection: Collection, { offer, previous }: RenewalRecord): void {
  const opened =
    collection.message(offer.document, {
      name: NAME.offer,
      opened: "opened/offer.json",
      about: ABOUT.offer,
      absent: REASON.notSigned,
    }) ?? addUnsigned(collection, offer.offer);
  const agreement = new TextEncoder().encode(offer.offer.agreement.text);
  collection.file(NAME.agreement, MEDIA_TYPE.text, ABOUT.agreement, agreement);
  collection.link(opened, fileTarget(NAME.agreement, agreement));
  collection.link(opened, certificateTarget(NAME.previous, previous.der));
}

function addUnsigned(
  collection: Collection,
  offer: RenewalRecord["offer"]["offer"],
): OpenedMessage {
  const name = "offer/offer.json";
  const json = z.encode(offerSchema, offer as z.output<typeof offerSchema>);
  const content = new TextEncoder().encode(`${JSON.stringify(json, null, 2)}\n`);
  collection.file(name, MEDIA_TYPE.json, ABOUT.unsignedOffer, content);
  return { name, content };
}
